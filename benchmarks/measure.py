"""Time and peak memory of a workload in a fresh process, and a table of the results. Imports no heavy library."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

_MEBI = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Cost of one workload.

    Attributes:
        seconds: wall-clock time.
        cpu_seconds: processor time of all threads, which depends less on the load of the machine.
        peak_mib: largest resident memory of the process, in MiB.
        notes: numbers that the workload reports, by name.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    notes: dict[str, float] = field(default_factory=dict)

    def scaled(self, factor: float) -> "Measurement":
        """The measurement extrapolated to a larger workload. Memory is not scaled."""
        return Measurement(
            seconds=self.seconds * factor,
            cpu_seconds=self.cpu_seconds * factor,
            peak_mib=self.peak_mib,
            notes=self.notes,
        )


def measure(work: Callable[[], dict[str, float]]) -> Measurement:
    """Cost of a workload in this process, with its results as notes."""
    cpu_started, started = time.process_time(), time.perf_counter()
    notes = work()
    return Measurement(
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu_started,
        peak_mib=peak_memory() / _MEBI,
        notes=notes,
    )


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss is not reset when a process starts another program
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def report_measurement(measurement: Measurement) -> None:
    """Print the measurement as the last line of stdout, in JSON, for the process that started this worker."""
    print(json.dumps(asdict(measurement)))


def run_worker(module: str, arguments: Sequence[str]) -> Measurement:
    """The measurement that `python -m MODULE ARGUMENTS` reports, in a fresh process.

    Raises:
        subprocess.CalledProcessError: the worker failed; its traceback is on stderr.
    """
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return Measurement(**json.loads(done.stdout.splitlines()[-1]))


def take_median(measurements: Sequence[Measurement]) -> Measurement:
    """The median of each quantity over repeated measurements of one workload."""
    return Measurement(
        seconds=statistics.median(m.seconds for m in measurements),
        cpu_seconds=statistics.median(m.cpu_seconds for m in measurements),
        peak_mib=statistics.median(m.peak_mib for m in measurements),
        notes=measurements[0].notes,
    )


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of ratios. Pairs are measured one after the other, so that both see the same load of the machine."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain-text table: the first column left-aligned, the others right-aligned."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first, *others = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join([first, *others]).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *(line(row) for row in rows)])
