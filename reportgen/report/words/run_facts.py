"""Facts of the run: model, data, layers, grids and self-checks."""

from collections.abc import Iterator, Sequence

from reportgen.cache import CamPair, EvaluationCache, SelfCheck
from reportgen.methods import find_method
from reportgen.report.words.text import count_text, list_text, plural_text


def run_summary(cache: EvaluationCache) -> str:
    """The run in a few sentences, for the top of the first page."""
    provenance = cache.provenance
    model = (
        f"{provenance.model_name} with {provenance.weights_name}" if provenance.weights_name else provenance.model_name
    )
    run = f"Evaluation of {model} on {provenance.data_name}"
    if not cache.cams:
        return f"{run}. {provenance.created[:10]} · {_checks_text(cache)}."
    method, cam = next(iter(cache.cams.items()))
    whose = (
        f"the {find_method(method).title} map of every image"
        if cam.is_class_agnostic
        else "class activation maps of every image for the true and the predicted class"
    )
    parts = [provenance.created[:10], f"{_layers_text(provenance.target_layer)}{grid_text(cam)} cells"]
    if len(cache.cams) > 1:
        parts.append(list_text([find_method(name).title for name in cache.cams]))
    return f"{run}, with {whose}. {' · '.join([*parts, _checks_text(cache)])}."


def no_maps_text(cache: EvaluationCache) -> str:
    """Why there are no maps, as sentences."""
    reason = cache.provenance.no_maps_reason.strip().removesuffix(".")
    return f"There are no maps: {reason[:1].lower()}{reason[1:]}." if reason else "There are no maps."


def maps_text(cache: EvaluationCache) -> str:
    """The methods of the maps, their layers and grids, for a text without pages."""
    if not cache.cams:
        return no_maps_text(cache)
    place = f" at {cache.provenance.target_layer}" if cache.provenance.target_layer else ""
    methods = list_text([f"{find_method(name).title}, {grid_text(cam)} cells" for name, cam in cache.cams.items()])
    return f"{methods}{place}"


def grid_text(cam: CamPair) -> str:
    """The grid of a method's maps as `8×8`, columns first."""
    height, width = cam.true.shape[1:]
    return f"{width}×{height}"


def coverage_text(cache: EvaluationCache, cam: CamPair) -> str:
    """`1,234 of 10,000 images`, where only some have a map; else nothing."""
    if cam.positions is None:
        return ""
    return f"{count_text(len(cam.positions))} of {plural_text(cache.num_examples, 'image')}"


def _layers_text(target_layer: str) -> str:
    if not target_layer:
        return ""
    label = _layers_label(target_layer).lower()
    return f"{label} {_join_layers(target_layer)}, "


def _dotted_names(target_layer: str) -> list[str]:
    """The layers in it, without phrases such as `attention of 12 layers`."""
    return [name for name in target_layer.split(", ") if " " not in name]


def _layers_label(target_layer: str) -> str:
    names = _dotted_names(target_layer)
    return f"Target layer{'s' if len(names) > 1 else ''}" if names else "Maps from"


def _join_layers(target_layer: str) -> str:
    names = _dotted_names(target_layer)
    others = [words for words in target_layer.split(", ") if words not in names]
    return list_text([*filter(None, [", ".join(names)]), *others])


def _checks_text(cache: EvaluationCache) -> str:
    applied = [check for check in cache.checks if check.num_checked]
    if not applied:
        return "no self-checks apply"
    if all(check.passed for check in applied):
        return f"self-checks passed (worst error {max(check.worst_error for check in applied):.1g})"
    failed = sum(not check.passed for check in applied)
    return f"{plural_text(failed, 'self-check')} failed"


def check_sentences(cache: EvaluationCache) -> tuple[str, ...]:
    """The result of each self-check."""
    most_failed = max((check.num_checked for check in cache.checks if not check.passed), default=0)
    return tuple(_check_sentence(check, most_failed) for check in cache.checks)


def _check_sentence(check: SelfCheck, most_failed: int) -> str:
    """The result of a check; that of a sample is no pass where a check of more maps failed."""
    if not check.num_checked:
        return f"{check.name}: not applicable to this network."
    maps = plural_text(check.num_checked, "map")
    verdict = f"passed on {maps}" if check.passed else f"FAILED on {maps}"
    if check.passed and check.num_checked < most_failed:
        verdict = f"within the tolerance on {maps} only, while a check of {plural_text(most_failed, 'map')} failed"
    return (
        f"{check.name}: {verdict}, worst error {check.worst_error:.1e}"
        f" {check.measure} (tolerance {check.tolerance:.0e})."
    )


def run_facts(cache: EvaluationCache) -> tuple[tuple[str, str], ...]:
    """Names and values of everything that identifies the run, as far as it is known."""
    key, provenance = cache.key, cache.provenance
    rate = cache.num_examples / provenance.seconds if provenance.seconds > 0 else 0.0
    rows = [
        ("Model", f"{model_text(cache)} ({key.model})" if key.model else model_text(cache)),
        ("Weights", _weights_text(cache)),
        ("Data", f"{provenance.data_name}, SHA-256 {key.data_digest[:16]}…"),
        (
            "Examples",
            f"{plural_text(cache.num_examples, 'image')} of {plural_text(cache.num_classes, 'class', 'classes')}",
        ),
        ("Preprocessing", _preprocessing_text(cache)),
        *_map_rows(cache),
        ("Run", f"{provenance.created}, {provenance.seconds:.1f} s" + (f", {rate:,.0f} images/s" if rate else "")),
        ("Cache", f"SHA-256 {cache.digest}" if cache.digest else ""),
        ("Device", ", ".join(filter(None, (provenance.device, provenance.precision)))),
        ("Versions", ", ".join(f"{name} {version}" for name, version in provenance.versions)),
    ]
    return tuple((name, value) for name, value in rows if value)


def model_text(cache: EvaluationCache) -> str:
    """The network, and its number of parameters where that is known."""
    provenance = cache.provenance
    size = f", {count_text(provenance.num_parameters)} parameters" if provenance.num_parameters else ""
    return f"{provenance.model_name}{size}"


def _weights_text(cache: EvaluationCache) -> str:
    digest = cache.key.weights_digest
    if not digest:
        return "as set by the model’s code" if cache.provenance.num_parameters else ""
    if digest == "pretrained":
        return "pretrained, from the model’s library"
    return f"{cache.provenance.weights_name}, SHA-256 {digest[:16]}…"


def _preprocessing_text(cache: EvaluationCache) -> str:
    height, width = cache.provenance.input_size
    size = f"{width}×{height} pixels" if height and width else ""
    return "; ".join(filter(None, (cache.provenance.preprocessing, size)))


def _map_rows(cache: EvaluationCache) -> Iterator[tuple[str, str]]:
    if not cache.cams:
        yield "Maps", no_maps_text(cache)
        return
    many = len(cache.cams) > 1
    yield "Maps", "; ".join(_method_text(cache, name, with_grid=many) for name in cache.cams)
    provenance = cache.provenance
    if not provenance.target_layer:
        return
    source = "as specified" if provenance.layer_source == "given" else "found by probing the network"
    layers = _dotted_names(provenance.target_layer)
    grid = "" if many else f", {grid_text(next(iter(cache.cams.values())))} cells"
    joined = f", {_aggregate_text(cache.key.methods.split())}" if len(layers) > 1 else ""
    where = _join_layers(provenance.target_layer)
    yield _layers_label(provenance.target_layer), f"{where}{grid}{joined}, {source}"


def _method_text(cache: EvaluationCache, method: str, *, with_grid: bool) -> str:
    words, cam = find_method(method), cache.cams[method]
    grid = f"{grid_text(cam)} cells" if with_grid else ""
    return ", ".join(filter(None, (words.title, words.nature, grid, coverage_text(cache, cam))))


def _aggregate_text(options: Sequence[str]) -> str:
    """How the maps of several layers were combined, from the options in the cache's key."""
    known = {
        "aggregate=max": "combined by their maximum",
        "aggregate=weighted": "combined by their mean, weighted by each layer’s evidence",
    }
    return next((known[option] for option in options if option in known), "combined by their mean")
