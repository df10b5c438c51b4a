"""How the numbers came about: the model, the data, the layer, the grid, and what the self-checks found."""

from reportgen.cache import EvaluationCache, SelfCheck
from reportgen.report.words.text import count_text, plural_text

METHOD_NAMES = {"gradcam": "Grad-CAM"}


def run_summary(cache: EvaluationCache) -> str:
    """The run in two sentences, for the head of the first page."""
    provenance, (_, grid) = cache.provenance, _method_and_grid(cache)
    model = (
        f"{provenance.model_name} with {provenance.weights_name}" if provenance.weights_name else provenance.model_name
    )
    return (
        f"One evaluation of {model} on {provenance.data_name}, with the class activation maps of every image for its"
        f" true and its predicted class. {provenance.created[:10]} · target layer {provenance.target_layer},"
        f" {grid} cells · {_checks_text(cache)}."
    )


def _method_and_grid(cache: EvaluationCache) -> tuple[str, str]:
    """The CAM method that the report shows, and its grid as `8×8`."""
    method, pair = next(iter(cache.cams.items()))
    height, width = pair.true.shape[1:]
    return METHOD_NAMES[method], f"{width}×{height}"


def _checks_text(cache: EvaluationCache) -> str:
    applied = [check for check in cache.checks if check.num_checked]
    if not applied:
        return "no self-check applies"
    if all(check.passed for check in applied):
        return f"self-checks passed (worst error {max(check.worst_error for check in applied):.1g})"
    failed = sum(not check.passed for check in applied)
    return f"{plural_text(failed, 'self-check')} failed"


def check_sentences(cache: EvaluationCache) -> tuple[str, ...]:
    """What each self-check found."""
    return tuple(_check_sentence(check) for check in cache.checks)


def _check_sentence(check: SelfCheck) -> str:
    if not check.num_checked:
        return f"{check.name}: does not apply to this network."
    verdict = "passed" if check.passed else "FAILED"
    return (
        f"{check.name}: {verdict} on {plural_text(check.num_checked, 'map')}, worst error {check.worst_error:.1e}"
        f" {check.measure} (tolerance {check.tolerance:.0e})."
    )


def run_facts(cache: EvaluationCache) -> tuple[tuple[str, str], ...]:
    """Names and values of everything that identifies the run."""
    key, provenance, (method, grid) = cache.key, cache.provenance, _method_and_grid(cache)
    input_height, input_width = provenance.input_size
    weights = {"": "as the model's code returns them", "pretrained": "pretrained, from the model's library"}.get(
        key.weights_digest, f"{provenance.weights_name}, SHA-256 {key.weights_digest[:16]}…"
    )
    rate = cache.num_examples / provenance.seconds if provenance.seconds > 0 else 0.0
    source = "given" if provenance.layer_source == "given" else "found by probing the network"
    rows = [
        ("Model", f"{provenance.model_name}, {count_text(provenance.num_parameters)} parameters ({key.model})"),
        ("Weights", weights),
        ("Data", f"{provenance.data_name}, SHA-256 {key.data_digest[:16]}…"),
        (
            "Examples",
            f"{plural_text(cache.num_examples, 'image')} of {plural_text(cache.num_classes, 'class', 'classes')}",
        ),
        ("Preprocessing", f"{provenance.preprocessing}; {input_width}×{input_height} pixels"),
        ("Maps", f"{method}, signed, in units of the logit"),
        ("Target layer", f"{provenance.target_layer}, {grid} cells, {source}"),
        ("Run", f"{provenance.created}, {provenance.seconds:.1f} s, {rate:,.0f} images/s"),
        ("Device", f"{provenance.device}, {provenance.precision}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in provenance.versions)),
    ]
    return tuple(rows)
