import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from loaded import compute_cache_key

from reportgen.cache import CacheKey
from reportgen.errors import CheckpointError, DataError, ModelError
from reportgen.inputs.data import cifar
from reportgen.settings import AnalyzeSettings, PreprocessingSettings


@pytest.fixture
def options(tmp_path, image_folder) -> dict[str, object]:
    (tmp_path / "net.py").write_text("def make(): ...\n")
    (tmp_path / "w.pth").write_bytes(b"weights")
    (tmp_path / "names.txt").write_text("cat\ndog\nowl")
    (tmp_path / "groups.csv").write_text("class,superclass\ncat,a\ndog,a\nowl,b")
    return {
        "model": f"{tmp_path}/net.py:make",
        "weights": str(tmp_path / "w.pth"),
        "data": str(image_folder),
        "class_names_path": tmp_path / "names.txt",
        "superclasses_path": tmp_path / "groups.csv",
    }


def key_of(options, **changes) -> CacheKey:
    return compute_cache_key(AnalyzeSettings(**{**options, **changes}))


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_key_holds_digests_and_names_without_folders(options, tmp_path):
    key = key_of(options)
    assert key.model == "net.py:make"
    assert key.model_digest == sha(b"def make(): ...\n")
    assert key.weights_digest == sha(b"weights")
    assert key.data == "pictures"
    assert key.class_names_digest == sha(b"cat\ndog\nowl")
    assert key.superclasses_digest == sha((tmp_path / "groups.csv").read_bytes())
    assert (key.layers, key.limit, key.methods) == ("auto", 0, "gradcam")
    assert not any(str(tmp_path) in str(getattr(key, field.name)) for field in fields(key))


def test_key_does_not_change_when_everything_moves(options, tmp_path, monkeypatch):
    before = key_of(options)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("net.py", "w.pth", "names.txt", "groups.csv"):
        shutil.copy(tmp_path / name, moved)
    shutil.copytree(options["data"], moved / "pictures")
    monkeypatch.chdir(moved / "pictures")
    after = key_of(
        {
            "model": "../net.py:make",
            "weights": "../w.pth",
            "data": ".",
            "class_names_path": Path("../names.txt"),
            "superclasses_path": Path("../groups.csv"),
        }
    )
    assert before.differences(after) == ()


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("net.py", "model_digest"),
        ("w.pth", "weights_digest"),
        ("names.txt", "class_names_digest"),
        ("groups.csv", "superclasses_digest"),
        ("pictures/cat/0.png", "data_digest"),
    ],
)
def test_each_files_content_changes_its_own_field(options, tmp_path, name, field):
    before = key_of(options)
    path = tmp_path / name
    path.write_bytes(path.read_bytes() + b"x")
    assert before.differences(key_of(options)) == (field,)


def test_renamed_added_and_removed_images_change_the_data_digest(options, image_folder):
    digests = [key_of(options).data_digest]
    (image_folder / "cat/1.png").rename(image_folder / "cat/2.png")  # the order of contents stays
    digests.append(key_of(options).data_digest)
    shutil.copy(image_folder / "cat/2.png", image_folder / "cat/3.png")
    digests.append(key_of(options).data_digest)
    (image_folder / "dog/1.png").unlink()
    digests.append(key_of(options).data_digest)
    assert len(set(digests)) == 4
    (image_folder / "cat/notes.txt").write_text("no image")
    assert key_of(options).data_digest == digests[-1]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"layers": ("features.3",)}, "layers"),
        ({"methods": ("gradcam", "layercam")}, "methods"),
        ({"methods": ("gradcam", "rollout"), "head_fusion": "max"}, "methods"),
        ({"faithfulness": 20}, "faithfulness"),
        ({"annotations": Path(__file__)}, "annotations_digest"),
        ({"annotations": Path(__file__), "mask_values": (1,)}, "annotations_digest"),
        ({"limit": 7}, "limit"),
        ({"thumbnail_size": 64}, "thumbnail_size"),
        ({"precision": "bf16"}, "precision"),
        ({"preprocessing": PreprocessingSettings(resize=32)}, "preprocessing"),
        ({"preprocessing": PreprocessingSettings(crop=32)}, "preprocessing"),
        ({"preprocessing": PreprocessingSettings(window="auto")}, "preprocessing"),
        ({"preprocessing": PreprocessingSettings(window=(0, 4095))}, "preprocessing"),
        ({"on_bad_image": "skip"}, "data"),
        ({"preprocessing": PreprocessingSettings(mean=(0.5,) * 3, std=(0.25,) * 3)}, "preprocessing"),
        ({"weights": None}, "weights_digest"),
        ({"class_names_path": None}, "class_names_digest"),
        ({"superclasses_path": None}, "superclasses_digest"),
    ],
)
def test_each_option_changes_its_own_field(options, changes, field):
    assert key_of(options).differences(key_of(options, **changes)) == (field,)


@pytest.mark.parametrize("changes", [{"batch_size": 3}, {"device": "cpu"}, {"workers": 0}, {"download": True}])
def test_how_it_runs_changes_nothing(options, changes):
    assert key_of(options).differences(key_of(options, **changes)) == ()


def test_nearly_equal_statistics_are_told_apart(options):
    first, second = (
        key_of(options, preprocessing=PreprocessingSettings(mean=(mean, 0.5, 0.5), std=(0.2,) * 3))
        for mean in (0.49139967, 0.49139968)
    )
    assert first.differences(second) == ("preprocessing",)


def test_npz_is_its_files_digest(options, write_npz):
    path = write_npz()
    key = key_of(options, data=str(path))
    assert (key.data, key.data_digest) == ("set.npz", sha(path.read_bytes()))


def test_manifest_is_the_digest_of_its_rows_and_its_images(options, tmp_path, image_folder):
    manifest = tmp_path / "set.csv"
    manifest.write_text("path,label\npictures/cat/0.png,cat\npictures/dog/0.png,dog\n")
    first = key_of(options, data=str(manifest))
    assert first.data == "set.csv"
    (image_folder / "owl/0.png").write_bytes(b"in no row")
    assert first.differences(key_of(options, data=str(manifest))) == ()
    path = image_folder / "dog/0.png"
    path.write_bytes(path.read_bytes() + b"x")
    second = key_of(options, data=str(manifest))
    assert first.differences(second) == ("data_digest",)
    manifest.write_text(manifest.read_text().replace(",dog", ",cat"))
    assert second.differences(key_of(options, data=str(manifest))) == ("data_digest",)


def test_saved_data_set_is_the_digest_of_its_rows(options, tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}], "_fingerprint": "1"}')
    (folder / "dataset_info.json").write_text("{}")
    (folder / "data.arrow").write_bytes(b"rows")
    first = key_of(options, data=f"hf:{folder}")
    assert first.data == "hf:saved"
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}], "_fingerprint": "2"}')
    assert first.differences(key_of(options, data=f"hf:{folder}")) == ()
    (folder / "data.arrow").write_bytes(b"others")
    assert first.differences(key_of(options, data=f"hf:{folder}")) == ("data_digest",)


def test_library_weights_are_named_and_not_fetched(options):
    key = key_of(options, model="torchvision:resnet18", weights="pretrained")
    assert (key.model, key.model_digest, key.weights_digest) == ("torchvision:resnet18", "", "pretrained")


def test_cifar_is_the_digest_of_its_test_files(options, tmp_path):
    variant = cifar.VARIANTS["cifar10"]
    (tmp_path / variant.folder).mkdir()
    for name in variant.test_files:
        (tmp_path / variant.folder / name).write_bytes(name.encode())
    first = key_of(options, data="cifar10", data_root=tmp_path)
    (tmp_path / variant.folder / "data_batch_1").write_bytes(b"only for training")
    assert first.differences(key_of(options, data="cifar10", data_root=tmp_path)) == ()
    (tmp_path / variant.folder / "test_batch").write_bytes(b"other")
    assert first.differences(key_of(options, data="cifar10", data_root=tmp_path)) == ("data_digest",)


@pytest.mark.parametrize(
    ("changes", "error", "problem"),
    [
        ({"model": "nowhere.py:make"}, ModelError, r"nowhere\.py does not exist"),
        ({"model": "resnet"}, ModelError, "not a known kind of model"),
        ({"model": "timm:resnet18", "weights": None}, ModelError, "random network"),
        ({"weights": "nowhere.pth"}, CheckpointError, r"nowhere\.pth does not exist"),
        ({"data": "nowhere"}, DataError, "nowhere does not exist"),
        ({"data": "cifar100", "data_root": Path("nowhere")}, DataError, "CIFAR-100 is not in nowhere"),
        ({"class_names_path": Path("nowhere.txt")}, DataError, r"class names nowhere\.txt does not exist"),
        ({"superclasses_path": Path("nowhere.csv")}, DataError, r"superclasses nowhere\.csv does not exist"),
    ],
)
def test_missing_files_are_the_errors_of_loading(options, changes, error, problem):
    with pytest.raises(error, match=problem):
        key_of(options, **changes)


def test_neither_torch_nor_the_model_is_imported(tmp_path, image_folder, write_npz):
    (tmp_path / "some_pkg").mkdir()
    (tmp_path / "some_pkg/__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "some_pkg/nets.py").write_text("import torch")
    (tmp_path / "w.pth").write_bytes(b"weights")
    runs = [
        {"model": "demo", "data": "demo"},
        {"model": "some_pkg.nets:make", "data": str(image_folder), "weights": "w.pth"},
        {"model": "some_pkg/nets.py:make", "data": str(write_npz())},
        {"model": "timm:resnet18", "data": str(image_folder), "weights": "pretrained"},
        {"model": "demo", "data": "set.csv"},
        {"model": "demo", "data": "hf:saved"},
    ]
    (tmp_path / "set.csv").write_text("path,label\npictures/cat/0.png,cat\n")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved/state.json").write_text('{"_data_files": []}')
    (tmp_path / "saved/dataset_info.json").write_text("{}")
    script = (
        "import json, sys\n"
        "from reportgen.inputs.digests import compute_cache_key\n"
        "from reportgen.inputs.registry import resolve\n"
        "from reportgen.settings import AnalyzeSettings\n"
        f"runs = json.loads({json.dumps(json.dumps(runs))})\n"
        "keys = [compute_cache_key(resolve(AnalyzeSettings(**run))) for run in runs]\n"
        "loaded = [name for name in ('torch', 'torchvision', 'timm', 'datasets', 'some_pkg') if name in sys.modules]\n"
        "print(json.dumps([len(keys), loaded]))\n"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{script}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [6, []]


def test_test_sets_in_files_are_loaded_without_torch(image_folder):
    (image_folder / "set.csv").write_text("path,label\ncat/0.png,cat\ndog/0.png,dog\n")
    script = (
        "import sys\n"
        "from reportgen.inputs.registry import resolve\n"
        "from reportgen.settings import AnalyzeSettings\n"
        f"for data in ({str(image_folder)!r}, {str(image_folder / 'set.csv')!r}):\n"
        "    resolve(AnalyzeSettings(model='demo', data=data)).load_evaluation_set().images[0]\n"
        "assert 'torch' not in sys.modules\n"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
