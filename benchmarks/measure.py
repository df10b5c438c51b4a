"""Seconds and peak memory of pieces of work, each in a fresh process, and a table of them. Imports nothing heavy."""

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
    """What one piece of work took.

    Attributes:
        seconds: wall-clock time.
        cpu_seconds: processor time of the process in all its threads, which other load on the machine moves less.
        peak_mib: largest resident memory of the whole process up to the end of the work, in MiB.
        notes: figures that the work itself reports, by name.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    notes: dict[str, float] = field(default_factory=dict)

    def scaled(self, factor: float) -> "Measurement":
        """The measurement extrapolated to more work of the same kind; memory stays as it is."""
        return Measurement(
            seconds=self.seconds * factor,
            cpu_seconds=self.cpu_seconds * factor,
            peak_mib=self.peak_mib,
            notes=self.notes,
        )


def measure(work: Callable[[], dict[str, float]]) -> Measurement:
    """What a piece of work takes in this process. Its result is kept as notes."""
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
    """Hand a worker's measurement to the process that started it: one line of JSON on stdout, the last."""
    print(json.dumps(asdict(measurement)))


def run_worker(module: str, arguments: Sequence[str]) -> Measurement:
    """The measurement that `python -m MODULE ARGUMENTS` reports, in a fresh process.

    Raises:
        subprocess.CalledProcessError: the worker failed; its traceback is on stderr.
    """
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return Measurement(**json.loads(done.stdout.splitlines()[-1]))


def take_median(measurements: Sequence[Measurement]) -> Measurement:
    """The median of each figure over repeated measurements of the same work."""
    return Measurement(
        seconds=statistics.median(m.seconds for m in measurements),
        cpu_seconds=statistics.median(m.cpu_seconds for m in measurements),
        peak_mib=statistics.median(m.peak_mib for m in measurements),
        notes=measurements[0].notes,
    )


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of figures that were measured in turn, so that each pair met the same load."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain-text table: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first, *others = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join([first, *others]).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *(line(row) for row in rows)])
