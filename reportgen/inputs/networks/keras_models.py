"""Networks of Keras 3, on its torch backend, as torch modules like any other."""

import sys
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import torch
from torch import Tensor, nn

from reportgen.errors import ModelError
from reportgen.inputs.libraries import KERAS
from reportgen.inputs.networks.classifier import Network
from reportgen.inputs.networks.names import own_name
from reportgen.inputs.preprocessing import Preprocessing

_SAVE_HINT = "Save it again with model.save('model.keras'), in Keras 3."

_NUM_CHECKED = 8  # images for the check that an activation was removed
_TOLERANCE = 1e-4
_ANY_SIDE = 64  # pixels, for a network that takes any size
_MAX_SCALED = 16.0  # what a network scales its input to is of the size of 1, not of 255
_COARSE_DTYPES = ("float16", "bfloat16")


def build_keras(path: Path) -> Network:
    """The network in a `.keras` file. Code in the file is not run.

    Raises:
        ModelError: Keras is missing or runs on another backend, or the file contains no image classifier.
    """
    keras = import_keras(f"keras:{path.name}")
    if not zipfile.is_zipfile(path):  # Keras would say that there is no file
        raise ModelError(f"Keras cannot load {path}: it is damaged or not a Keras 3 file.", hint=_SAVE_HINT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # foreign files and custom parts meet Keras with almost any exception
        raise ModelError(
            f"Keras cannot load {path}: {_reason(error)}.",
            hint=f"{_SAVE_HINT} If it has custom layers, write a function that defines them and returns the Keras "
            "model, and give FILE.py:factory.",
        ) from error
    return wrap_keras(model, name=own_name(model.name, path), weights_name=path.name)


def is_keras_model(value: object) -> bool:
    """Whether a value is a model of Keras; without importing Keras."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)


def wrap_keras(model: Any, *, name: str, weights_name: str = "") -> Network:
    """A Keras model as a network that returns logits, with its preprocessing as far as it is known.

    Args:
        model: the `keras.Model`, on the torch backend; its final softmax or sigmoid is removed.
        name: in words.
        weights_name: as in `Network`.

    Raises:
        ModelError: it takes no RGB images, channels last.
    """
    height, width = _require_image_shape(model, name)
    side = height if height == width else None
    model, note = _without_activation(model, (height or _ANY_SIDE, width or _ANY_SIDE))
    return Network(
        name=name,
        module=KerasModule(model),
        weights_name=weights_name,
        preprocessing=_find_own_scaling(model, side),
        input_side=side,
        notes=(note,) if note else (),
    )


def import_keras(what: str) -> ModuleType:
    """Keras on its torch backend.

    Args:
        what: what needs it, for messages.

    Raises:
        ModelError: it is not installed, older than 3, or already imported with another backend.
    """
    keras = KERAS.load(f"The model {what}", error=ModelError)
    try:
        backend = keras.config.backend()
    except AttributeError as error:  # Keras 2
        raise KERAS.missing(f"The model {what}", error, error=ModelError) from error
    if backend != "torch":
        raise ModelError(
            f"The model {what} needs Keras on its torch backend, but it was already imported with {backend}.",
            hint='Set KERAS_BACKEND=torch before Keras is imported: os.environ["KERAS_BACKEND"] = "torch".',
        )
    return keras


class KerasModule(nn.Module):
    """A Keras model as a torch module: NCHW in, logits out, every layer under the dotted path of its names.

    Keras's layers are torch modules whose hooks fire, but those of a model are not its submodules, and all parameters
    hang at every model anew. Here each layer hangs at its model, and each parameter at its layer.
    """

    def __init__(self, model: Any) -> None:
        """Take a Keras model over; afterwards it can no longer be saved."""
        super().__init__()
        self._hidden = (model,)  # in a tuple, so that it is not a submodule
        for layer in (model, *_nested_layers(model)):
            _arrange(layer)
            if layer.compute_dtype in _COARSE_DTYPES:
                layer.dtype_policy = "float32"
        self._modules.update(model._modules)
        self._parameters.update(model._parameters)
        self.float()

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K) of float32 (B, 3, H, W)."""
        (model,) = self._hidden
        keras = sys.modules["keras"]
        with keras.device(str(images.device)):  # otherwise Keras moves its input to a device that it chooses
            output = model(images.permute(0, 2, 3, 1), training=False)
        return _as_two_logits(output) if isinstance(output, Tensor) and output.shape[1:] == (1,) else output

    def double(self) -> Self:
        """In float64, but for means and batch normalisation, which Keras computes in float32 at most.

        Keras computes in the precision that its layers and its models' inputs name, whatever that of the parameters.
        """
        (model,) = self._hidden
        for layer in (model, *_nested_layers(model)):
            layer.dtype_policy = "float64"
            graph = getattr(layer, "_functional", layer)
            for part in (layer, *getattr(graph, "_inputs", ())):
                if getattr(part, "_dtype", None) == "float32":
                    part._dtype = "float64"
        return super().double()

    def __deepcopy__(self, memo: dict[int, Any]) -> "KerasModule":
        (model,) = self._hidden
        clone = sys.modules["keras"].models.clone_model(model)
        for old, new in zip(_nested_layers(model), _nested_layers(clone), strict=True):
            values: dict[str, Any] = {}
            old.save_own_variables(values)
            new.load_own_variables(values)  # also renews what a layer derives from its variables
        memo[id(self)] = copied = KerasModule(clone)
        return copied.train(self.training)


def _as_two_logits(logit: Tensor) -> Tensor:
    """(B, 2), whose softmax is that of one output's sigmoid for the second class, and the rest for the first."""
    return torch.cat([-logit / 2, logit / 2], dim=1)


def _nested_layers(model: Any) -> Iterator[Any]:
    """All layers inside a model or layer, each once, models included."""
    yield from model._flatten_layers(include_self=False, recursive=True)


def _named_layers(layer: Any) -> dict[str, Any]:
    """The layers right inside a model or layer, by name."""
    is_model = isinstance(layer, sys.modules["keras"].Model)
    return _by_name(layer.layers if is_model else layer._flatten_layers(include_self=False, recursive=False))


def _by_name(parts: Iterable[Any]) -> dict[str, Any]:
    """Layers or variables by unique names without dots, which torch uses in paths."""
    named: dict[str, Any] = {}
    for part in parts:
        name = plain = part.name.replace(".", "_")
        number = 0
        while name in named:
            number += 1
            name = f"{plain}_{number}"
        named[name] = part
    return named


def _arrange(layer: Any) -> None:
    """Register at a layer only its direct sublayers and its own variables, by their names, for torch.

    Keras hangs there the layers that are attributes, and the variables of all layers below.
    """
    attributes = {name: m for name, m in layer._modules.items() if isinstance(m, sys.modules["keras"].Layer)}
    for name in ("_torch_params", *attributes):
        layer._modules.pop(name, None)
    layer.__dict__.update(attributes)
    layer._modules.update(_named_layers(layer))
    variables = _by_name([*layer._trainable_variables, *layer._non_trainable_variables])
    layer._parameters.update({name: variable.value for name, variable in variables.items()})


def _require_image_shape(model: Any, name: str) -> tuple[int | None, int | None]:
    """Height and width of a model's input, each `None` if it is arbitrary."""
    shape = getattr(model, "input_shape", None) or (model.get_build_config() or {}).get("input_shape")
    if not isinstance(shape, tuple | list) or len(shape) != 4 or shape[3] not in (3, None):
        raise ModelError(
            f"{name} takes inputs of shape {shape}, but must take RGB images, channels last.",
            hint="Wrap it in a torch.nn.Module that takes float32 (B, 3, H, W) and returns logits, and give "
            "FILE.py:factory.",
        )
    return shape[1], shape[2]


def _without_activation(model: Any, size: tuple[int, int]) -> tuple[Any, str]:
    """A model of logits instead of probabilities, which shares the layers; and what was done, as sentences.

    A final softmax or sigmoid is made linear or removed. The result is kept if applying it again gives the old outputs.
    """
    keras = sys.modules["keras"]
    last = _last_layer(model)
    activation = getattr(last, "activation", None)
    is_softmax = type(last).__name__ == "Softmax"  # the layer, or the operation
    kind = "softmax" if is_softmax else getattr(activation, "__name__", "")
    put_on = {"softmax": lambda logits: logits.softmax(dim=1), "sigmoid": torch.sigmoid}.get(kind)
    if put_on is None:
        return model, ""  # what the outputs are is then recognized by their values
    noise = 255 * torch.rand(_NUM_CHECKED, *size, 3, generator=torch.Generator().manual_seed(0))
    before = _run(model, noise)
    bare = model
    if activation is not None:
        last.activation = keras.activations.linear
    elif _output_layer(model) is last:
        bare = keras.Model(model.inputs, last.input, name=model.name)
    after = _run(bare, noise)
    if after.shape != before.shape or not (put_on(after) - before).abs().max() <= _TOLERANCE:
        if activation is not None:
            last.activation = activation
        return model, f"The {kind} in the last layer `{last.name}` cannot be removed from the Keras model."
    read = " The single output is read as two classes." if after.shape[1] == 1 else ""
    return bare, f"The {kind} in the last layer `{last.name}` is removed, so that the outputs are logits.{read}"


def _run(model: Any, images: Tensor) -> Tensor:
    """A model's output for float32 (B, H, W, 3), on the device of its parameters."""
    device = str(next((variable.value.device for variable in model.variables), images.device))
    with torch.no_grad(), sys.modules["keras"].device(device):
        output: Tensor = model(images.to(device), training=False)
    return output


def _last_layer(model: Any) -> Any:
    """The layer that computes a model's output, inside nested models."""
    last = model
    while isinstance(last, sys.modules["keras"].Model):
        last = _output_layer(last)
    return last


def _output_layer(model: Any) -> Any:
    """The layer or operation right inside a model whose output is the model's; without a graph, the last one."""
    outputs = getattr(model, "outputs", None)
    return outputs[0]._keras_history.operation if outputs else model.layers[-1]


def _find_own_scaling(model: Any, side: int | None) -> Preprocessing | None:
    """The preprocessing for a network that scales its input itself; `None` for other networks.

    Only layers before the first one with weights count. Their values tell whether pixels from 0 to 255 or to 1 are
    expected.
    """
    keras = sys.modules["keras"]
    for layer in _leaves(model):
        if isinstance(layer, keras.layers.Rescaling):
            ends = [_largest(layer.offset), _largest(255 * _as_tensor(layer.scale) + _as_tensor(layer.offset))]
            is_bytes = max(ends) <= _MAX_SCALED
        elif isinstance(layer, keras.layers.Normalization):
            is_bytes = max(_largest(layer.mean), _largest(layer.variance)) > 1
        elif layer.weights:
            return None
        else:
            continue
        return Preprocessing(
            mean=(0.0,) * 3,
            std=(1 / 255 if is_bytes else 1.0,) * 3,
            resize=side,
            squash=side is not None,  # as Keras's own loaders of images do
            source=f"the network's own layer {layer.name}, which expects pixels from 0 to {255 if is_bytes else 1}",
        )
    return None


def _leaves(layer: Any) -> Iterator[Any]:
    """The layers without inner ones, in the order of a model's graph."""
    inner = _named_layers(layer)
    if not inner:
        yield layer
    for part in inner.values():
        yield from _leaves(part)


def _as_tensor(values: Any) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32).detach().cpu()


def _largest(values: Any) -> float:
    return _as_tensor(values).abs().max().item()


def _reason(error: Exception) -> str:
    """The first sentence of the innermost of Keras's errors, without its stop."""
    innermost = str(error).rpartition("Exception encountered: ")[2].strip() or type(error).__name__
    return innermost.splitlines()[0].partition(". ")[0].removesuffix(".")
