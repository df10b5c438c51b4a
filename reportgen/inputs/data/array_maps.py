"""Class activation maps that came with outputs of a model that ran elsewhere."""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reportgen.cache import CamPair
from reportgen.inputs.data.npz import NpzFile
from reportgen.methods import GIVEN_METHOD, METHODS, is_class_agnostic

MAP_MEMBERS: Final = ("maps_true", "maps_predicted", "maps_method")
_MEMBER: Final = re.compile(r"cam\.(?P<method>.+)\.(?P<side>true|predicted)")
_FLOAT16_MAX: Final = float(np.finfo(np.float16).max)
_LEAST_PEAK: Final = 2.0**-4  # three decimal digits below it, float16 begins to lose digits

Sides = dict[str, NDArray[Any]]


def is_map_member(name: str) -> bool:
    """Whether a member's name is that of a map: `cam.<method>.true` or `cam.<method>.predicted`."""
    return _MEMBER.fullmatch(name) is not None


def read_maps(
    members: Mapping[str, NDArray[Any]], file: NpzFile, count: int
) -> tuple[dict[str, CamPair], tuple[str, ...]]:
    """The maps of N examples by method, and warnings for the reader of the report.

    They stay signed. Maps that float16 cannot represent, or not precisely, are scaled by one power of two.

    Args:
        members: of the file; those that are no maps are passed over.
        file: for messages.
        count: N.

    Raises:
        DataError: one of a pair is missing, or a map is no finite float (N, h, w).
    """
    maps: dict[str, CamPair] = {}
    warnings: list[str] = []
    for name, sides in _group_by_method(members).items():
        method = name if name in METHODS else GIVEN_METHOD
        if method in maps:
            raise file.misfit(
                f"it has maps of several unknown methods, such as {name}",
                f"Keep one of them, or use the names {', '.join(METHODS)}.",
            )
        if method == GIVEN_METHOD and name != GIVEN_METHOD:
            warnings.append(f"The maps came with the outputs, from a method called {name}.")
        maps[method] = _make_pair(method, sides, file, count, warnings)
    return maps, tuple(warnings)


def _group_by_method(members: Mapping[str, NDArray[Any]]) -> dict[str, Sides]:
    """Both sides of each method's maps; those without a method's name come first."""
    groups: dict[str, Sides] = {}
    method = str(members.get("maps_method", GIVEN_METHOD))
    for side in ("true", "predicted"):
        if f"maps_{side}" in members:
            groups.setdefault(method, {})[side] = members[f"maps_{side}"]
    for member, values in members.items():
        match = _MEMBER.fullmatch(member)
        if match is not None:
            groups.setdefault(match["method"], {})[match["side"]] = values
    return groups


def _make_pair(method: str, sides: Sides, file: NpzFile, count: int, warnings: list[str]) -> CamPair:
    what = "the given maps" if method == GIVEN_METHOD else f"the maps of {method}"
    for side, maps in sides.items():
        _check_maps(f"{what} for the {side} class", maps, file, count)
    shapes = {maps.shape for maps in sides.values()}
    if len(shapes) > 1:
        raise file.misfit(f"{what} have different shapes, {' and '.join(map(str, sorted(shapes)))}")
    is_agnostic = is_class_agnostic(method)
    if len(sides) < 2 and not is_agnostic:
        missing = "predicted" if "true" in sides else "true"
        raise file.misfit(
            f"{what} for the {missing} class are missing",
            "Save a map for the true and one for the predicted class of each example.",
        )
    if is_agnostic and len(sides) == 2 and not np.array_equal(sides["true"], sides["predicted"]):
        raise file.misfit(
            f"{what} differ for the true and the predicted class, although this method is class-agnostic",
            "Save one map for each example, or use the name of the method.",
        )
    peak = max(float(np.abs(maps).max()) for maps in sides.values())
    factor = _choose_factor(peak)
    if factor != 1:
        warnings.append(f"{what.capitalize()} are stored in units of {1 / factor:g}, as their peak is {peak:.3g}.")
    scaled = {side: (maps.astype(np.float64) * factor).astype(np.float16) for side, maps in sides.items()}
    if is_agnostic:
        one = next(iter(scaled.values()))
        return CamPair(true=one, predicted=one, is_class_agnostic=True)
    return CamPair(true=scaled["true"], predicted=scaled["predicted"])


def _check_maps(what: str, maps: NDArray[Any], file: NpzFile, count: int) -> None:
    if maps.dtype.kind != "f" or maps.ndim != 3 or len(maps) != count or 0 in maps.shape:
        raise file.misfit(f"{what} are {maps.dtype} {maps.shape}, not float ({count}, h, w)")
    is_finite = np.isfinite(maps).all(axis=(1, 2))
    if not is_finite.all():
        raise file.misfit(f"{what} are not finite in row {np.argmin(is_finite)}", "Save 0 where there is no evidence.")


def _choose_factor(peak: float) -> float:
    """1 if float16 represents the maps well, else the power of two that brings their peak into [1/2, 1)."""
    if peak == 0 or _LEAST_PEAK <= peak <= _FLOAT16_MAX:
        return 1.0
    _, exponent = np.frexp(peak)
    return float(np.ldexp(1.0, -int(exponent)))
