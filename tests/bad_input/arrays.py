"""Outputs of a model that ran elsewhere: --arrays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bad_input.good_input import NAMES, images_and_labels, logits
from bad_input.row import OK, USAGE, Row, data

ARRAYS = "run --arrays arrays.npz"
IMAGES, LABELS = images_and_labels()
LOGITS = logits()
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


def _arrays(**changes: object) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        members: dict[str, object] = {"y_true": LABELS, "logits": LOGITS, "class_names": np.array(NAMES), **changes}
        kept = {name: np.asarray(member) for name, member in members.items() if member is not None}
        np.savez(folder / "arrays.npz", **kept)  # type: ignore[arg-type]

    return write


def _maps(values: np.ndarray) -> dict[str, object]:
    return {"maps_true": values.astype(np.float32), "maps_predicted": values.astype(np.float32)}


def _with(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.copy()
    changed[1, 1] = value
    return changed


ROWS = (
    Row("no such file", "run --arrays nowhere.npz", ("nowhere.npz",)),
    Row("an empty file", ARRAYS, ("arrays.npz",), data("arrays.npz", b"")),
    Row("arrays and a model", f"{ARRAYS} --model model.py:make_model", ("--model",)),
    Row("arrays and a test set of images without a model", f"{ARRAYS} --data test.npz", ("--data",)),
    Row("no labels", ARRAYS, ("y_true",), _arrays(y_true=None)),
    Row("no outputs", ARRAYS, ("logits",), _arrays(logits=None)),
    Row("logits with a NaN", ARRAYS, ("logits",), _arrays(logits=_with(LOGITS, np.nan))),
    Row("a logit of plus infinity", ARRAYS, ("logits",), _arrays(logits=_with(LOGITS, np.inf))),
    Row("a logit of minus infinity", ARRAYS, ("ccuracy",), _arrays(logits=_with(LOGITS, -np.inf)), OK),
    Row(
        "a row of logits that are all minus infinity",
        ARRAYS,
        ("logits",),
        _arrays(logits=np.full((12, 3), -np.inf, np.float32)),
    ),
    Row("logits as text", ARRAYS, ("logits",), _arrays(logits=LOGITS.astype(str))),
    Row("logits that are flat", ARRAYS, ("2 classes",), _arrays(logits=LOGITS[:, 0])),
    Row("logits of complex numbers", ARRAYS, ("logits",), _arrays(logits=LOGITS.astype(np.complex64))),
    Row("logits of one class", ARRAYS, ("2 classes",), _arrays(logits=LOGITS[:, :1])),
    Row("fewer logits than labels", ARRAYS, ("12", "5"), _arrays(logits=LOGITS[:5])),
    Row("logits for four of three classes", ARRAYS, ("4", "3"), _arrays(logits=np.c_[LOGITS, LOGITS[:, :1]])),
    Row("no rows", ARRAYS, ("y_true",), _arrays(y_true=LABELS[:0], logits=LOGITS[:0])),
    Row("logits under the name of probabilities", ARRAYS, ("y_pred_probs",), _arrays(logits=None, y_pred_probs=LOGITS)),
    Row(
        "probabilities that do not sum to 1",
        ARRAYS,
        ("y_pred_probs",),
        _arrays(logits=None, y_pred_probs=PROBABILITIES / 2),
    ),
    Row(
        "a negative probability",
        ARRAYS,
        ("y_pred_probs",),
        _arrays(logits=None, y_pred_probs=_with(PROBABILITIES, -0.1)),
    ),
    Row(
        "percentages instead of probabilities",
        ARRAYS,
        ("y_pred_probs",),
        _arrays(logits=None, y_pred_probs=100 * PROBABILITIES),
    ),
    Row(
        "logits and probabilities that contradict each other",
        ARRAYS,
        ("y_pred_probs", "12 of 12"),
        _arrays(y_pred_probs=PROBABILITIES[::-1]),
    ),
    Row(
        "predicted classes that are not those of the logits",
        ARRAYS,
        ("y_pred",),
        _arrays(y_pred=(LOGITS.argmax(axis=1) + 1) % 3),
    ),
    Row("predicted classes only", ARRAYS, ("y_pred",), _arrays(logits=None, y_pred=LABELS)),
    Row("labels of several classes per row", ARRAYS, ("y_true",), _arrays(y_true=np.eye(3)[LABELS] + np.eye(3)[0])),
    Row("a label beyond the outputs", ARRAYS, ("y_true", "3"), _arrays(y_true=LABELS + 1)),
    Row("a label of 2⁶³", ARRAYS, ("y_true",), _arrays(y_true=np.full(12, 2**63, np.uint64))),
    Row("class names that are blank", ARRAYS, ("class_names",), _arrays(class_names=np.array(["a", "", "c"]))),
    Row("a class name twice", ARRAYS, ("otter",), _arrays(class_names=np.array(["otter", "otter", "seal"]))),
    Row("maps of another number of images", ARRAYS, ("5", "12"), _arrays(images=IMAGES, **_maps(np.zeros((5, 4, 4))))),
    Row(
        "maps of the true class only",
        ARRAYS,
        ("predicted class are missing",),
        _arrays(images=IMAGES, maps_true=np.zeros((12, 4, 4))),
    ),
    Row(
        "maps that are not finite",
        ARRAYS,
        ("not finite",),
        _arrays(images=IMAGES, **_maps(np.full((12, 4, 4), np.nan))),
    ),
    Row("maps that are flat", ARRAYS, ("maps_true",), _arrays(images=IMAGES, **_maps(np.zeros((12, 16))))),
    Row("maps without images", ARRAYS, ("maps",), _arrays(**_maps(np.zeros((12, 4, 4)))), OK),
    Row("images of another number", ARRAYS, ("5", "12"), _arrays(images=IMAGES[:5])),
    Row("a faithfulness test without a model", f"{ARRAYS} --faithfulness 4", ("--faithfulness",)),
    Row("a method of maps without a model", f"{ARRAYS} --method layercam", ("--method",)),
    Row("neither arrays nor a model", "run", ("--model",), code=USAGE),
)
