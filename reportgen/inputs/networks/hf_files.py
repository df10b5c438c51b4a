"""The files in a folder that Hugging Face transformers has saved."""

from pathlib import Path
from typing import Any, Final

from reportgen.errors import ModelError
from reportgen.inputs.files import read_text, require_file
from reportgen.inputs.networks.foreign_files import refuse_foreign
from reportgen.parsing import parse_json

CONFIG_NAME: Final = "config.json"
PROCESSOR_NAMES: Final = ("preprocessor_config.json", "processor_config.json")

# In transformers' own order of preference: one file, or an index and the parts that it names.
_WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")
SAVE_HINT: Final = (
    "Give a folder that model.save_pretrained(FOLDER) and processor.save_pretrained(FOLDER) have written."
)


def list_weight_files(folder: Path) -> list[Path]:
    """The files that transformers reads the weights from: one, or an index and its parts in order.

    Raises:
        ModelError: there are none of PyTorch, or a part is missing or only stands in place of the file.
    """
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return [_require(folder / name)]
        index = folder / f"{name}.index.json"
        if index.is_file():
            parts = sorted(set(read_json(index).get("weight_map", {}).values()))
            missing = [part for part in parts if not (folder / part).is_file()]
            if missing or not parts:
                raise ModelError(
                    f"The model folder {folder} has incomplete weights: {', '.join(missing) or 'all parts'} missing.",
                    hint=f"Download every file that {index.name} lists.",
                )
            return [index, *(_require(folder / part) for part in parts)]
    for path in sorted(folder.iterdir()):
        refuse_foreign(path, "The folder has no weights of PyTorch;", error=ModelError)
    raise ModelError(
        f"The model folder {folder} has no weights: neither {' nor '.join(_WEIGHTS)}.",
        hint=SAVE_HINT,
    )


def _require(path: Path) -> Path:
    return require_file(path, "The file with weights", error=ModelError, hint=SAVE_HINT)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of the folder.

    Raises:
        ModelError: the file is missing or damaged.
    """
    text = read_text(path, "The model file", error=ModelError, hint=SAVE_HINT)
    try:
        content = parse_json(text)
    except ValueError as error:
        raise ModelError(f"The model file {path} is not valid JSON: {error}.", hint=SAVE_HINT) from error
    if not isinstance(content, dict):
        raise ModelError(f"The model file {path} is not a JSON object.", hint=SAVE_HINT)
    return content
