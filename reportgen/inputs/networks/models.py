"""From a source to a classifier: the network with its weights and its preprocessing."""

from reportgen.errors import ModelError, setting
from reportgen.inputs.networks.checkpoints import apply_state_dict, load_weights
from reportgen.inputs.networks.classifier import Classifier, Network
from reportgen.inputs.networks.source import ModelSource, WeightsRule
from reportgen.inputs.preprocessing import Normalisation, Preprocessing, resolve_preprocessing
from reportgen.settings import PreprocessingSettings


def load_classifier(source: ModelSource, num_classes: int, normalisation: Normalisation | None) -> Classifier:
    """The network of a source with its weights, in evaluation mode, on the device that its code chose.

    Whether outputs and classes agree is checked by the pass.

    Args:
        source: the model.
        num_classes: outputs of a library's network, unless its own weights fix the number; 0 if unknown.
        normalisation: the statistics of the data set, if known.

    Raises:
        ModelError: it cannot be built, or a step of its preprocessing cannot be reproduced.
        CheckpointError: its weights cannot be read, or do not fit.
        SettingsError: the normalisation of its input is unknown.
    """
    checkpoint = source.checkpoint
    if not num_classes and checkpoint is not None and source.weights_rule is WeightsRule.REQUIRED:
        raise ModelError(
            f"The number of outputs of {source.describe()} in {checkpoint.name} is unknown.",
            hint=f"List the model's classes in a file and give {setting('class_names_path', 'FILE')}.",
        )
    network = source.load(num_classes)
    weights_name, notes = network.weights_name, list(network.notes)
    if checkpoint is not None:
        weights = load_weights(checkpoint, source.settings.weights_key)
        notes += [weights.note, apply_state_dict(network.module, weights.tensors, checkpoint)]
        weights_name = checkpoint.name
    elif not weights_name:
        notes.append(f"No weights are given: the network has those that {source.describe()} sets, or random ones.")
    settings = source.settings.preprocessing
    if network.unsupported:
        notes.append(_replace_unsupported(network.unsupported, settings))
    return Classifier(
        name=source.settings.model_name or network.name,
        module=network.module.eval(),
        preprocessing=resolve_preprocessing(
            settings, _own_preprocessing(network, settings, normalisation), normalisation
        ),
        weights_name=weights_name,
        is_opaque=network.is_opaque,
        notes=tuple(filter(None, notes)),
    )


def _replace_unsupported(problem: str, settings: PreprocessingSettings) -> str:
    """The note on a preprocessing that cannot be reproduced, where the options give another one.

    Raises:
        ModelError: they do not.
    """
    if settings.mean is None or settings.std is None:
        raise ModelError(
            problem,
            hint=f"Give another preprocessing with {setting('mean')} and {setting('std')}, and {setting('resize')} and "
            f"{setting('crop')} if training used them; or give {setting('model', 'FILE.py:factory')} with a network "
            "that contains that step.",
        )
    return f"{problem} The preprocessing is that of the options instead."


def _own_preprocessing(
    network: Network, settings: PreprocessingSettings, normalisation: Normalisation | None
) -> Preprocessing | None:
    """The preprocessing of a network. If only its input size is known, settings or data set give the normalisation."""
    if network.preprocessing is not None or network.input_side is None:
        return network.preprocessing
    source = "the network's input size"
    if settings.mean is not None and settings.std is not None:
        normalisation = Normalisation(mean=settings.mean, std=settings.std)
    elif normalisation is not None:
        source = f"the data set's statistics and {source}"
    else:
        return None
    return Preprocessing(
        mean=normalisation.mean, std=normalisation.std, resize=network.input_side, squash=True, source=source
    )
