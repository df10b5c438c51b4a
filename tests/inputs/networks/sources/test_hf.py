import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from loaded import compute_cache_key, load_evaluation_set

from reportgen.errors import ModelError
from reportgen.inputs.networks.hf_files import list_weight_files
from reportgen.inputs.networks.sources.hf import HuggingFaceModel
from reportgen.inputs.registry import resolve_model
from reportgen.settings import AnalyzeSettings, ModelSettings


def write_folder(folder: Path, names=("owl", "dog", "cat"), **files: str | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "vit", "id2label": {str(index): name for index, name in enumerate(names)}}
    contents = {"config.json": json.dumps(config), "preprocessor_config.json": "{}", "model.safetensors": "weights"}
    for name, text in (contents | files).items():
        if text is not None:
            (folder / name).write_text(text)
    return folder


def settings_of(model: object, **options) -> AnalyzeSettings:
    return AnalyzeSettings(**{"model": f"hf:{model}", "data": "unused", **options})


def source_of(model: object, **options) -> HuggingFaceModel:
    source = resolve_model(ModelSettings(model=f"hf:{model}", **options))
    assert isinstance(source, HuggingFaceModel)
    return source


def test_folder_with_a_configuration_is_found(tmp_path):
    folder = write_folder(tmp_path / "my-vit")
    source = source_of(folder)
    assert source.describe() == "hf:my-vit"
    assert source.folder == folder


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda _: None, "does not exist"),
        (lambda folder: folder.mkdir(), r"has no config\.json"),
        (lambda folder: folder.write_text("x"), "is a file, not a folder"),
    ],
)
def test_anything_else_at_a_path_is_explained(tmp_path, make, problem):
    make(tmp_path / "vit")
    with pytest.raises(ModelError, match=rf"The model folder .*vit {problem}") as caught:
        _ = source_of(f"{tmp_path}/vit").folder
    assert "save_pretrained" in caught.value.hint


def write_hub_cache(root: Path, name: str) -> Path:
    """The layout of the hub's own cache, with one model in it."""
    model = root / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("0" * 40)
    return write_folder(model / "snapshots" / ("0" * 40))


@pytest.mark.extra
def test_hub_id_is_found_in_the_hubs_cache_without_the_network(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = write_hub_cache(tmp_path, "owner/small-vit")
    source = source_of("owner/small-vit")
    assert source.describe() == "hf:owner/small-vit"
    assert source.folder == snapshot
    assert source.class_names() == ("owl", "dog", "cat")
    with pytest.raises(ModelError, match="owner/other is neither a folder nor a model") as caught:
        _ = source_of("owner/other", download=False).folder
    assert "download=True" in caught.value.hint


@pytest.mark.extra
def test_only_what_is_needed_of_a_hub_id_is_fetched_and_only_where_that_is_allowed(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    asked = []

    def fetch(name, *, local_files_only, allow_patterns):
        asked.append((name, local_files_only, allow_patterns))
        return str(write_folder(tmp_path / "snapshot", **{"model.safetensors": None}))

    monkeypatch.setattr(hub, "snapshot_download", fetch)
    _ = source_of("owner/vit", download=True).folder
    assert [(name, is_local) for name, is_local, _ in asked] == [("owner/vit", False)] * 2
    assert "model*.safetensors" in asked[0][2]
    assert "pytorch_model*.bin" in asked[1][2]  # as there are no safetensors
    asked.clear()
    _ = source_of("owner/vit", download=False).folder
    assert [is_local for _, is_local, _ in asked] == [True]


@pytest.mark.extra
def test_failed_fetch_says_what_to_do(monkeypatch):
    hub = pytest.importorskip("huggingface_hub")

    def fail(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(hub, "snapshot_download", fail)
    with pytest.raises(ModelError, match=r"owner/vit cannot be downloaded from .* Hub: no route to host") as caught:
        _ = source_of("owner/vit", download=True).folder
    assert "connection" in caught.value.hint


def test_hub_that_is_not_installed_says_how_to(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelError, match="needs huggingface_hub") as caught:
        _ = source_of("owner/vit", download=False).folder
    assert "reportgen[hf]" in caught.value.hint


def test_weights_are_the_files_that_transformers_takes(tmp_path):
    folder = write_folder(tmp_path / "a", **{"pytorch_model.bin": "x", "optimizer.bin": "x"})
    assert [path.name for path in list_weight_files(folder)] == ["model.safetensors"]
    (folder / "model.safetensors").unlink()
    assert [path.name for path in list_weight_files(folder)] == ["pytorch_model.bin"]
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match=r"has no weights: neither model\.safetensors nor pytorch_model\.bin"):
        list_weight_files(folder)


def test_weights_in_parts_are_all_there(tmp_path):
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    index = "model.safetensors.index.json"
    folder = write_folder(
        tmp_path / "a",
        **{"model.safetensors": None, index: json.dumps({"weight_map": parts}), parts["a"]: "x", parts["b"]: "y"},
    )
    assert [path.name for path in list_weight_files(folder)] == [index, *parts.values()]
    (folder / parts["b"]).unlink()
    with pytest.raises(ModelError, match=f"incomplete weights: {parts['b']} missing"):
        list_weight_files(folder)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({"0": "owl", "1": "dog"}, ("owl", "dog")),
        ({"1": "dog", "0": "owl"}, ("owl", "dog")),
        ({"0": "LABEL_0", "1": "LABEL_1"}, ()),
        ({"0": "crane", "1": "crane"}, ()),
        ({"0": "owl", "2": "dog"}, ()),
        ({"owl": "0"}, ()),
        ({}, ()),
        (None, ()),
    ],
)
def test_class_names_are_those_of_the_configuration_where_it_names_them(tmp_path, labels, names):
    folder = write_folder(tmp_path / "a", **{"config.json": json.dumps({"id2label": labels})})
    assert source_of(folder).class_names() == names


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_damaged_configuration_is_explained(tmp_path, content):
    folder = write_folder(tmp_path / "a", **{"config.json": content})
    with pytest.raises(ModelError, match=r"config\.json is not (valid JSON|a JSON object)"):
        source_of(folder).class_names()


def test_models_own_names_are_the_class_order(tmp_path, image_folder):
    data = load_evaluation_set(settings_of(write_folder(tmp_path / "m"), data=str(image_folder)))
    assert data.class_names == ("owl", "dog", "cat")
    assert [data.class_names[label] for label in data.labels] == [name.split("/")[0] for name in data.example_ids]


def test_numbers_index_the_models_own_names(tmp_path, write_npz):
    path = write_npz(class_names=None)
    data = load_evaluation_set(settings_of(write_folder(tmp_path / "m"), data=str(path)))
    assert data.class_names == ("owl", "dog", "cat")
    np.testing.assert_array_equal(data.labels, [0, 0, 1, 1, 2, 2])


def test_classes_that_the_model_does_not_name_keep_the_order_of_the_test_set_with_a_note(tmp_path, image_folder):
    folder = write_folder(tmp_path / "m", names=("Cat", "Dog", "Owl"))
    data = load_evaluation_set(settings_of(folder, data=str(image_folder)))
    assert data.class_names == ("cat", "dog", "owl")
    assert any("(Cat, Dog, Owl) do not include all classes of the test set" in note for note in data.notes)


def test_named_classes_go_before_the_models_own(tmp_path, image_folder):
    (tmp_path / "names.txt").write_text("dog\nowl\ncat")
    data = load_evaluation_set(
        settings_of(write_folder(tmp_path / "m"), data=str(image_folder), class_names_path=tmp_path / "names.txt")
    )
    assert data.class_names == ("dog", "owl", "cat")


def test_key_knows_configuration_and_weights_apart_and_no_folder(tmp_path, image_folder):
    folder = write_folder(tmp_path / "m")
    before = compute_cache_key(settings_of(folder, data=str(image_folder)))
    assert before.model == "hf:m"
    moved = write_folder(tmp_path / "elsewhere" / "m")
    assert not compute_cache_key(settings_of(moved, data=str(image_folder))).differences(before)
    for name, field in (
        ("preprocessor_config.json", "model_digest"),
        ("config.json", "model_digest"),
        ("model.safetensors", "weights_digest"),
    ):
        original = (folder / name).read_text()
        (folder / name).write_text(original + " ")
        assert compute_cache_key(settings_of(folder, data=str(image_folder))).differences(before) == (field,)
        (folder / name).write_text(original)
    (tmp_path / "w.safetensors").write_text("other")
    other = compute_cache_key(settings_of(folder, data=str(image_folder), weights=str(tmp_path / "w.safetensors")))
    assert other.differences(before) == ("weights_digest",)


def test_key_is_computed_without_torch(tmp_path, image_folder):
    folder = write_folder(tmp_path / "m")
    code = (
        "import sys; from reportgen.inputs.digests import compute_cache_key as key;"
        "from reportgen.inputs.registry import resolve;"
        "from reportgen.settings import AnalyzeSettings as Settings;"
        f"key(resolve(Settings(model='hf:{folder}', data={str(image_folder)!r})));"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])
