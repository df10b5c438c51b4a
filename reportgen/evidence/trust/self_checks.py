"""Independent computations that each pass compares its maps with, at almost no cost."""

import logging
from collections.abc import Sequence
from typing import Final, Literal

import torch

from reportgen.cache import SelfCheck
from reportgen.evidence.devices import uses_tf32
from reportgen.evidence.methods.closed_form import ClosedForm
from reportgen.evidence.methods.explained_batch import Explainer
from reportgen.evidence.methods.map_sources import LayerMaps, MapSource
from reportgen.evidence.trust.causes import measure_causes
from reportgen.evidence.trust.recomputation import RecomputeErrors, RecomputeSample, recompute_maps
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.inputs.suggestions import few_text
from reportgen.methods import find_method

log = logging.getLogger(__name__)

Arithmetic = Literal["fp32", "tf32", "bf16"]

_TYPE_NAMES: Final[dict[Arithmetic, str]] = {"fp32": "float32", "tf32": "TF32", "bf16": "bfloat16"}
SUM_TOLERANCES: Final[dict[Arithmetic, float]] = {"fp32": 1e-5, "tf32": 1e-3, "bf16": 1e-3}
CLOSED_FORM_TOLERANCES: Final[dict[Arithmetic, float]] = {"fp32": 1e-4, "tf32": 2e-3, "bf16": 2e-3}
LINEAR_HEAD_TOLERANCES: Final[dict[Arithmetic, float]] = {"fp32": 1e-3, "tf32": 1e-2, "bf16": 2e-1}
OTHER_HEAD_TOLERANCES: Final[dict[Arithmetic, float]] = {"fp32": 5e-2, "tf32": 1e-1, "bf16": 2e-1}
"""For the recomputed maps. Measured with random weights on 20 architectures: float32 2e-5, bfloat16 6e-2; but a ReLU in
the head whose input is next to 0 may fall on its other side, which moves a map by up to 1e-2 in float32."""
ATTENTION_TOLERANCES: Final[dict[Arithmetic, float]] = {"fp32": 1e-2, "tf32": 1e-1, "bf16": 2e-1}
"""For maps of attention, whatever the head. Measured on transformers of 12 layers: float32 3e-6, bfloat16 4e-2; but of
discarded attentions one next to the threshold may fall on its other side, moving a map by up to 3e-3 in float32."""


def get_closed_form(sources: Sequence[MapSource]) -> ClosedForm | None:
    """The closed form of the head; `None` if the head is differentiated."""
    return next((source.closed_form for source in sources if isinstance(source, LayerMaps)), None)


def get_summed_methods(sources: Sequence[MapSource]) -> tuple[str, ...]:
    """The methods whose maps have to sum to the logit less the bias."""
    if get_closed_form(sources) is None:
        return ()
    return tuple(method for source in sources for method in source.grids if find_method(method).sums_to_logit)


def run_self_checks(
    explainer: Explainer,
    preprocessing: Preprocessing,
    sample: RecomputeSample,
    *,
    worst_sum_error: float | None,
    num_examples: int,
    arithmetic: Arithmetic,
) -> tuple[tuple[SelfCheck, ...], tuple[str, ...]]:
    """All checks of a pass, and warnings where one failed or could not be made.

    Args:
        explainer: what made the maps; its network is in evaluation mode, and is copied.
        preprocessing: makes the network's input.
        sample: some examples with the maps of the pass.
        worst_sum_error: the largest of `compute_sum_errors` over both maps of every example by each of the methods of
            `get_summed_methods`; `None` where there are none.
        num_examples: N.
        arithmetic: what the pass was computed in, which decides the tolerances.
    """
    if not explainer.sources:
        return (), ()
    closed_form = get_closed_form(explainer.sources)
    tolerance = (OTHER_HEAD_TOLERANCES if closed_form is None else LINEAR_HEAD_TOLERANCES)[arithmetic]
    errors, warnings = _recompute(explainer, preprocessing, sample, disturbance=tolerance / 10)
    num_summed = 2 * num_examples * len(get_summed_methods(explainer.sources))
    checks = (
        SelfCheck(
            name="map sum + bias = logit",
            num_checked=0 if worst_sum_error is None else num_summed,
            worst_error=worst_sum_error or 0.0,
            tolerance=SUM_TOLERANCES[arithmetic],
            measure="relative to the example's largest |logit|",
        ),
        SelfCheck(
            name="closed form = gradient",
            num_checked=0 if closed_form is None else closed_form.num_probed + len(errors.gradients),
            worst_error=0.0 if closed_form is None else max([closed_form.worst_error, *errors.gradients]),
            tolerance=CLOSED_FORM_TOLERANCES[arithmetic],
            measure="relative to the largest |gradient|",
        ),
        *(
            SelfCheck(
                name=f"{method} = full float64 recomputation",
                num_checked=len(found),
                worst_error=max(found, default=0.0),
                tolerance=ATTENTION_TOLERANCES[arithmetic] if find_method(method).family == "attention" else tolerance,
                measure=_describe_measure(method, arithmetic),
            )
            for method, found in errors.maps.items()
        ),
    )
    failed = [check for check in checks if not check.passed]
    if failed:
        warnings = (*warnings, _explain_failures(failed, explainer, preprocessing, sample, arithmetic))
    return checks, warnings


def _explain_failures(
    failed: Sequence[SelfCheck],
    explainer: Explainer,
    preprocessing: Preprocessing,
    sample: RecomputeSample,
    arithmetic: Arithmetic,
) -> str:
    """What failed, by how much, and the likely cause, in sentences."""
    what = few_text(f"{c.name} (error {c.worst_error:.1e}, tolerance {c.tolerance:.0e})" for c in failed)
    worst = max(check.worst_error for check in failed)
    try:
        closed_form = get_closed_form(explainer.sources)
        causes = measure_causes(explainer, preprocessing, sample, closed_form, type_name=_TYPE_NAMES[arithmetic])
        cause = causes.describe(worst)
    except Exception:  # no error here may lose the results of the pass
        log.debug("the causes could not be measured", exc_info=True)
        cause = "Its cause could not be measured, as no copy of the network runs."
    checks = "a self-check" if len(failed) == 1 else "self-checks"
    return f"The maps may be wrong, as {checks} failed: {what}. {cause}"


def name_arithmetic(precision: str, device: torch.device) -> Arithmetic:
    """What a network is really computed in; the precision `fp32` may mean TF32 on CUDA."""
    if precision == "bf16":
        return "bf16"
    return "tf32" if uses_tf32(device) else "fp32"


def _recompute(
    explainer: Explainer, preprocessing: Preprocessing, sample: RecomputeSample, *, disturbance: float
) -> tuple[RecomputeErrors, tuple[str, ...]]:
    try:
        return recompute_maps(explainer, preprocessing, sample, disturbance=disturbance), ()
    except Exception as error:  # no error here may lose the results of the pass
        log.debug("no float64 copy of the network runs", exc_info=True)
        reason = f"{type(error).__name__}: {error}"
        warning = f"No map could be recomputed in float64, as no copy of the network runs in it ({reason})."
        return RecomputeErrors(maps={method: [] for method in sample.maps}), (warning,)


def _describe_measure(method: str, arithmetic: Arithmetic) -> str:
    condition = " and its condition number" if find_method(method).is_ill_conditioned else ""
    return f"relative to the map's largest |value|{condition}, after a pass in {arithmetic}"
