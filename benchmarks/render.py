"""Cost of a whole site from a cache, compared with a notebook that draws one matplotlib figure per class.

    python -m benchmarks.render [--cache cache.npz] [--notebook-classes N] [--repeat R]

Without `--cache`, a cache is made first, which is not measured: from ../shared/cifar100 if it exists, else from the
demo. Each of them runs in a fresh process. Imports, reading the cache, the analysis and writing all files are measured.
The notebook starts from the same maps and draws only the examples that the figure of a class has in the report.
Targets on two cores: a site of 100 classes in 10 s, and 20 times faster than the notebook.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Measurement, format_table, measure, report_measurement, run_worker, take_median

_CIFAR = Path(__file__).parents[1].parent / "shared" / "cifar100"
_MAX_SECONDS = 10.0
_MIN_SPEEDUP = 20.0
_TITLES = {
    "site": "the whole site",
    "figures": "only its figures of classes",
    "notebook": "notebook, one matplotlib figure per class*",
}


def make_cache(path: Path) -> None:
    """Write a cache to `path`: of CIFAR-100 if it exists, else of the demo."""
    from reportgen import AnalyzeSettings, analyze
    from reportgen.settings import PreprocessingSettings

    settings = AnalyzeSettings(model="demo", data="demo")
    if (_CIFAR / "test.npz").is_file():
        settings = AnalyzeSettings(
            model=f"{_CIFAR / 'resnet.py'}:resnet20",
            weights=str(_CIFAR / "resnet20.pth"),
            data=str(_CIFAR / "test.npz"),
            superclasses_path=_CIFAR / "superclasses.csv",
            preprocessing=PreprocessingSettings(mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762)),
        )
    analyze(settings, cache_path=path)


def run_site(cache_path: Path, folder: Path) -> dict[str, float]:
    """Everything that `reportgen render` does."""
    from reportgen import RenderSettings, render

    report = render(cache_path, RenderSettings(out=folder / "site"))
    return {"classes": report.cache.num_classes, "files": report.num_files, "bytes": report.num_bytes}


def run_figures(cache_path: Path, folder: Path) -> dict[str, float]:
    """The class figures of the site, which show the same as those of the notebook."""
    from reportgen import load_cache
    from reportgen.analysis.findings import compute_findings
    from reportgen.report.pictures.figures import class_figure

    cache = load_cache(cache_path)
    findings = compute_findings(cache)
    paths = [folder / f"{class_index}.png" for class_index in range(cache.num_classes)]
    for class_index, path in enumerate(paths):
        path.write_bytes(class_figure(cache, findings, class_index))
    return {"classes": len(paths), "files": len(paths), "bytes": sum(path.stat().st_size for path in paths)}


def run_notebook(cache_path: Path, folder: Path, num_classes: int) -> dict[str, float]:
    """One figure per class as in a notebook: `plt.subplots`, `imshow` with a map over a photo, a tight `savefig`."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from reportgen import load_cache
    from reportgen.analysis.findings import compute_findings

    cache = load_cache(cache_path)
    findings = compute_findings(cache)
    paths = []
    for class_index in range(min(num_classes, cache.num_classes)):
        selection = findings.selections[class_index]
        figure = draw_notebook_figure(cache, findings, [*selection.worst, *selection.best])
        paths.append(folder / f"{class_index}.png")
        figure.savefig(paths[-1], dpi=150, bbox_inches="tight")
        plt.close(figure)
    return {"classes": len(paths), "files": len(paths), "bytes": sum(path.stat().st_size for path in paths)}


def draw_notebook_figure(cache: Any, findings: Any, positions: Sequence[int]) -> Any:
    """One row per example: the image, two overlays and the map of the predicted class, each with a title."""
    import matplotlib.pyplot as plt

    maps = next(iter(cache.cams.values()))
    names = cache.class_names
    figure, axes = plt.subplots(len(positions), 4, figsize=(8, 2.2 * len(positions)), squeeze=False)
    for row, position in zip(axes, positions, strict=True):
        true, predicted = maps.true[position].astype(float), maps.predicted[position].astype(float)
        peak = max(true.max(), predicted.max(), 1e-12)
        true_name, predicted_name = names[cache.labels[position]], names[findings.predictions.predicted[position]]
        extent = (0, cache.thumbnails.shape[2], cache.thumbnails.shape[1], 0)
        style = {"cmap": "inferno", "vmin": 0, "vmax": peak, "interpolation": "bilinear", "extent": extent}
        for ax in row[:3]:
            ax.imshow(cache.thumbnails[position], extent=extent)
        row[1].imshow(true, alpha=0.5, **style)
        row[2].imshow(predicted, alpha=0.5, **style)
        row[3].imshow(predicted, **style)
        row[0].set_title(f"{findings.predictions.confidence[position]:.1%}", fontsize=8)
        row[1].set_title(f"true: {true_name}", fontsize=8)
        row[2].set_title(f"predicted: {predicted_name}", fontsize=8)
        for ax in row:
            ax.axis("off")
    figure.tight_layout()
    return figure


def work(options: argparse.Namespace) -> None:
    """Measure one contender in this process. The files that it writes are deleted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contenders = {
            "site": lambda: run_site(options.cache, folder),
            "figures": lambda: run_figures(options.cache, folder),
            "notebook": lambda: run_notebook(options.cache, folder, options.notebook_classes),
        }
        report_measurement(measure(contenders[options.worker]))


def compare(options: argparse.Namespace, cache_path: Path) -> str:
    """A table of all contenders, and whether the targets are met."""
    arguments = ["--cache", str(cache_path), "--notebook-classes", str(options.notebook_classes)]
    measured: dict[str, list[Measurement]] = {name: [] for name in _TITLES}
    for round_index in range(options.repeat):
        for name, repeats in measured.items():
            if round_index == 0 or name != "notebook":
                print(f"round {round_index + 1} of {options.repeat}: {name}", file=sys.stderr)
                repeats.append(run_worker("benchmarks.render", ["--worker", name, *arguments]))
    medians = {name: take_median(repeats) for name, repeats in measured.items()}
    num_classes, num_drawn = medians["site"].notes["classes"], medians["notebook"].notes["classes"]
    medians["notebook"] = medians["notebook"].scaled(num_classes / num_drawn)
    scale = {name: num_classes / median.notes["classes"] for name, median in medians.items()}
    notebook = medians["notebook"]
    rows = [
        [
            _TITLES[name],
            f"{median.seconds:.1f}",
            f"{notebook.seconds / median.seconds:.1f}×",
            f"{median.cpu_seconds:.1f}",
            f"{notebook.cpu_seconds / median.cpu_seconds:.1f}×",
            f"{median.peak_mib:.0f}",
            f"{median.notes['files'] * scale[name]:.0f}",
            f"{median.notes['bytes'] * scale[name] / 1e6:.1f}",
        ]
        for name, median in medians.items()
    ]
    site = medians["site"]
    speedup = notebook.seconds / site.seconds
    return "\n".join(
        [
            f"{num_classes:.0f} classes from {options.cache or 'a fresh cache'}; medians of {options.repeat} rounds",
            "",
            format_table(["", "s", "faster", "CPU s", "faster", "peak MiB", "files", "MB"], rows),
            "",
            f"* measured on {num_drawn:.0f} classes and extrapolated; it makes no pages, charts or tables.",
            f"site:    {site.seconds:.1f} s, target {_MAX_SECONDS:.0f} s: {_verdict(site.seconds <= _MAX_SECONDS)}",
            f"speedup: {speedup:.1f} times, target {_MIN_SPEEDUP:.0f}: {_verdict(speedup >= _MIN_SPEEDUP)}",
        ]
    )


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "missed"


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.render", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--cache", type=Path, help="cache of `reportgen run`; default: a new one")
    parser.add_argument("--notebook-classes", type=int, default=5, help="classes that the notebook draws (default 5)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of the site and of its figures (default 3)")
    parser.add_argument("--worker", choices=tuple(_TITLES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        work(options)
        return
    with tempfile.TemporaryDirectory() as name:
        cache_path = options.cache or Path(name) / "cache.npz"
        if options.cache is None:
            print("writing a cache", file=sys.stderr)
            make_cache(cache_path)
        print(compare(options, cache_path))


if __name__ == "__main__":
    main()
