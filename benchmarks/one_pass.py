"""Cost of logits and two maps per example: this pass, a plain evaluation loop and pytorch-grad-cam.

    python -m benchmarks.one_pass [--limit N] [--repeat R]

Each of them runs in a fresh process on the same images and weights, after one batch to warm up. The plain loop computes
only logits; the pass also computes the maps of one, three and four methods. Targets on two cores, relative to the plain
loop: one method takes at most 1.10 times the time and 1.15 times the memory, three methods take at most 1.25 times the
time.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import (
    Measurement,
    format_table,
    measure,
    median_ratio,
    report_measurement,
    run_worker,
    take_median,
)

_CIFAR = Path(__file__).parents[1].parent / "shared" / "cifar100"
_ONE, _THREE, _FOUR = "gradcam", "gradcam,layercam,hirescam", "gradcam,layercam,hirescam,eigencam"
_MAX_TIME_RATIOS = {_ONE: 1.10, _THREE: 1.25}
_MAX_MEMORY_RATIO = 1.15


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to evaluate the network.

    Attributes:
        kind: `plain`, `pass`, or pytorch-grad-cam in batches (`batched`) or one image at a time (`single`).
        methods: separated by commas.
    """

    kind: str
    methods: str = ""

    @property
    def title(self) -> str:
        """Its name in the table."""
        return {
            "plain": "plain evaluation loop, no maps",
            "pass": f"this pass, {self.methods}",
            "batched": f"pytorch-grad-cam, batched, {self.methods}*",
            "single": f"pytorch-grad-cam, one image at a time, {self.methods}*",
        }[self.kind]


_PLAIN = Contender("plain")
_PASSES = tuple(Contender("pass", methods) for methods in (_ONE, _THREE, _FOUR))
_LIBRARY = (*(Contender("batched", methods) for methods in (_ONE, _THREE, _FOUR)), Contender("single", _ONE))


class Workload:
    """The model and the images. Loading them is not measured."""

    def __init__(self, options: argparse.Namespace) -> None:
        from reportgen.inputs.digests import compute_cache_key
        from reportgen.inputs.registry import resolve
        from reportgen.settings import AnalyzeSettings, PreprocessingSettings

        self.settings = AnalyzeSettings(
            model=options.model,
            weights=options.weights,
            data=options.data,
            preprocessing=PreprocessingSettings(
                mean=_numbers(options.mean), std=_numbers(options.std), resize=options.resize, crop=options.crop
            ),
            limit=options.limit,
            batch_size=options.batch_size,
            device=options.device,
            precision=options.precision,
            methods=tuple((options.methods or _ONE).split(",")),
        )
        sources = resolve(self.settings)
        self.evaluation_set = sources.load_evaluation_set()
        self.classifier = sources.load_classifier(self.evaluation_set)
        self.key = compute_cache_key(sources)

    def views(self, batch_size: int, limit: int) -> Iterator[Any]:
        """uint8 (B, H, W, 3) of the first examples."""
        from reportgen.inputs.data.batches import iterate_views

        given = 0
        for views in iterate_views(self.evaluation_set, self.classifier.preprocessing, batch_size):
            if given >= limit:
                return
            yield views[: limit - given]
            given += len(views)

    def place(self) -> Any:
        """The network in evaluation mode on the device, in channels-last order."""
        import torch

        from reportgen.evidence.devices import resolve_device

        self.device = resolve_device(self.settings.device)
        return self.classifier.module.eval().to(device=self.device, memory_format=torch.channels_last)

    def inputs(self, views: Any) -> Any:
        """float32 (B, 3, H, W) on the device."""
        import torch

        return self.classifier.preprocessing.normalise(torch.from_numpy(views).to(self.device, non_blocking=True))

    def autocast(self) -> Any:
        """The precision from the settings."""
        import torch

        return torch.autocast(self.device.type, torch.bfloat16) if self.settings.precision == "bf16" else nullcontext()


def run_plain(workload: Workload) -> dict[str, float]:
    """A careful evaluation loop: logits and accuracy, no maps."""
    import numpy as np
    import torch

    network = workload.place()
    logits = []
    with torch.inference_mode(), workload.autocast():
        for views in workload.views(workload.settings.batch_size, len(workload.evaluation_set.labels)):
            logits.append(network(workload.inputs(views)).float())
    predicted = torch.cat(logits).cpu().numpy().argmax(axis=1)
    return {"accuracy": float(np.mean(predicted == workload.evaluation_set.labels))}


def run_pass(workload: Workload) -> dict[str, float]:
    """The pass of reportgen: logits, two maps per method, thumbnails, self-checks and the search for the layer."""
    from reportgen.evidence.one_pass import run_one_pass

    cache = run_one_pass(workload.classifier, workload.evaluation_set, workload.settings, workload.key)
    return {"accuracy": float((cache.logits.argmax(axis=1) == cache.labels).mean())}


def run_library(workload: Workload, *, batch_size: int, limit: int, layer: str) -> dict[str, float]:
    """pytorch-grad-cam as in its documentation: per method one call for the true and one for the predicted class."""
    import numpy as np
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network = workload.place()
    labels = workload.evaluation_set.labels[:limit]
    classes = {
        "gradcam": pytorch_grad_cam.GradCAM,
        "layercam": pytorch_grad_cam.LayerCAM,
        "hirescam": pytorch_grad_cam.HiResCAM,
        "eigencam": pytorch_grad_cam.EigenCAM,
    }
    predictions: list[int] = []
    for method in workload.settings.methods:
        cam = classes[method](model=network, target_layers=[network.get_submodule(layer)])
        predictions, start = [], 0
        for views in workload.views(batch_size, limit):
            inputs = workload.inputs(views)
            true = [ClassifierOutputTarget(label) for label in labels[start : start + len(views)].tolist()]
            with workload.autocast():
                cam(input_tensor=inputs, targets=true)
                predicted = cam.outputs.detach().argmax(dim=1).tolist()
                if method != "eigencam":  # class-agnostic: the first call gave the only map
                    cam(input_tensor=inputs, targets=[ClassifierOutputTarget(index) for index in predicted])
            predictions += predicted
            start += len(views)
        cam.activations_and_grads.release()
    return {"accuracy": float(np.mean(np.array(predictions) == labels))}


def work(options: argparse.Namespace) -> None:
    """Measure one contender in this process."""
    import torch

    from reportgen.evidence.layers.target_layers import find_target_layers

    workload = Workload(options)
    network = workload.place()
    views = next(workload.views(options.batch_size, options.batch_size))
    layer = options.layer or find_target_layers(network, workload.inputs(views[:2]))[0].name
    with torch.inference_mode():
        network(workload.inputs(views))
    is_cuda = workload.device.type == "cuda"
    if is_cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    num_examples = len(workload.evaluation_set.labels)
    limits = {"batched": options.batched_limit, "single": options.single_limit}
    limit = min(limits.get(options.worker, num_examples), num_examples)
    contenders = {
        "plain": lambda: run_plain(workload),
        "pass": lambda: run_pass(workload),
        "batched": lambda: run_library(workload, batch_size=options.batch_size, limit=limit, layer=layer),
        "single": lambda: run_library(workload, batch_size=1, limit=limit, layer=layer),
    }
    measurement = measure(contenders[options.worker])
    if is_cuda:
        measurement.notes["device_mib"] = torch.cuda.max_memory_allocated() / 1024**2
    measurement.notes["examples"] = limit
    report_measurement(measurement)


def compare(options: argparse.Namespace, arguments: Sequence[str]) -> str:
    """A table of all contenders, and whether the targets are met."""
    measured: dict[Contender, list[Measurement]] = {contender: [] for contender in (_PLAIN, *_PASSES, *_LIBRARY)}
    for round_index in range(options.repeat):
        for contender in (_PLAIN, *_PASSES) if round_index else measured:
            print(f"round {round_index + 1} of {options.repeat}: {contender.title}", file=sys.stderr)
            worker = ["--worker", contender.kind, "--methods", contender.methods, *arguments]
            measured[contender].append(run_worker("benchmarks.one_pass", worker))
    plain = take_median(measured[_PLAIN])
    num_examples = plain.notes["examples"]
    has_device_memory = "device_mib" in plain.notes
    rows = []
    for contender, repeats in measured.items():
        factor = num_examples / repeats[0].notes["examples"]
        median = take_median(repeats).scaled(factor)
        # A pass is compared with the plain loop of the same round, pytorch-grad-cam with that of the first round.
        against = measured[_PLAIN][: len(repeats)]
        rows.append(
            [
                contender.title,
                f"{median.seconds:.1f}",
                f"{factor * median_ratio([m.seconds for m in repeats], [m.seconds for m in against]):.2f}×",
                f"{median.cpu_seconds:.1f}",
                f"{factor * median_ratio([m.cpu_seconds for m in repeats], [m.cpu_seconds for m in against]):.2f}×",
                f"{median.peak_mib:.0f}",
                f"{median.peak_mib / plain.peak_mib:.2f}×",
                *([f"{median.notes['device_mib']:.0f}"] if has_device_memory else []),
                f"{median.notes['accuracy']:.4f}" if factor == 1 else "–",  # a subset has another accuracy
            ]
        )
    header = ["", "s", "ratio", "CPU s", "ratio", "peak MiB", "ratio", *(["GPU MiB"] * has_device_memory), "top-1"]
    limits = ", ".join(f"{measured[contender][0].notes['examples']:.0f}" for contender in (_LIBRARY[0], _LIBRARY[-1]))
    memory_ratio = take_median(measured[_PASSES[0]]).peak_mib / plain.peak_mib
    return "\n".join(
        [
            f"{num_examples:.0f} images, batches of {options.batch_size}, {options.precision}, "
            f"device {options.device}; medians of {options.repeat} rounds (pytorch-grad-cam: 1)",
            "",
            format_table(header, rows),
            "",
            f"* measured on {limits} images (batched, one at a time) and extrapolated.",
            *(_time_verdict(contender, measured) for contender in _PASSES if contender.methods in _MAX_TIME_RATIOS),
            f"memory, {_ONE}: {_verdict(memory_ratio, _MAX_MEMORY_RATIO)}",
        ]
    )


def _time_verdict(contender: Contender, measured: dict[Contender, list[Measurement]]) -> str:
    ratio = median_ratio([m.seconds for m in measured[contender]], [m.seconds for m in measured[_PLAIN]])
    return f"time, {contender.methods}: {_verdict(ratio, _MAX_TIME_RATIOS[contender.methods])}"


def _verdict(ratio: float, target: float) -> str:
    return f"{ratio:.2f} times the plain loop, target {target:.2f}: {'met' if ratio <= target else 'missed'}"


def _numbers(text: str | None) -> tuple[float, ...] | None:
    return None if text is None else tuple(float(part) for part in text.split(","))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    has_cifar = (_CIFAR / "test.npz").is_file()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_pass", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--model", help="as in `reportgen run`; default: that of ../shared/cifar100 if it exists, else demo"
    )
    parser.add_argument("--weights")
    parser.add_argument("--data")
    parser.add_argument("--mean")
    parser.add_argument("--std")
    parser.add_argument("--resize", type=int)
    parser.add_argument("--crop", type=int)
    parser.add_argument("--layer", help="target layer for pytorch-grad-cam; default: the one that reportgen finds")
    parser.add_argument("--limit", type=int, help="number of images, spread over the test set")
    parser.add_argument(
        "--batched-limit", type=int, default=2000, help="images for pytorch-grad-cam in batches (default 2000)"
    )
    parser.add_argument(
        "--single-limit", type=int, default=200, help="images for pytorch-grad-cam one at a time (default 200)"
    )
    parser.add_argument("--repeat", type=int, default=3, help="rounds of the plain loop and the passes (default 3)")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--worker", choices=("plain", "pass", "batched", "single"), help=argparse.SUPPRESS)
    parser.add_argument("--methods", default=_ONE, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.model is None:
        options.model = f"{_CIFAR / 'resnet.py'}:resnet20" if has_cifar else "demo"
        if has_cifar:
            options.weights, options.data = str(_CIFAR / "resnet20.pth"), str(_CIFAR / "test.npz")
            options.mean, options.std = "0.5071,0.4865,0.4409", "0.2673,0.2564,0.2762"
    options.data = options.data or "demo"
    return options


def main() -> None:
    """Run the benchmark from the command line."""
    arguments = sys.argv[1:]
    options = _parse(arguments)
    if options.worker is not None:
        work(options)
    else:
        print(compare(options, arguments))


if __name__ == "__main__":
    main()
