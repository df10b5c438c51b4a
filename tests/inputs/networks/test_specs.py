import sys

import pytest

from reportgen.errors import CheckpointError, ModelError
from reportgen.inputs.networks.specs import (
    DEMO_WEIGHTS_PATH,
    ModelKind,
    ModelSpec,
    importable,
    locate_model_file,
    locate_weights,
    parse_model_spec,
)
from reportgen.settings import AnalyzeSettings


@pytest.mark.parametrize(
    ("text", "kind", "place", "name", "short"),
    [
        ("some/where/net.py:make", ModelKind.FILE, "some/where/net.py", "make", "net.py:make"),
        (r"C:\x\net.py:make", ModelKind.FILE, r"C:\x\net.py", "make", None),
        ("my_pkg.nets:make", ModelKind.MODULE, "my_pkg.nets", "make", "my_pkg.nets:make"),
        ("torchvision:resnet18", ModelKind.TORCHVISION, "", "resnet18", "torchvision:resnet18"),
        ("timm:vit_tiny.a1_in1k", ModelKind.TIMM, "", "vit_tiny.a1_in1k", "timm:vit_tiny.a1_in1k"),
        (
            "hf:google/vit-base-patch16-224",
            ModelKind.HF,
            "",
            "google/vit-base-patch16-224",
            "hf:google/vit-base-patch16-224",
        ),
        ("hf:resnet-tiny", ModelKind.HF, "", "resnet-tiny", "hf:resnet-tiny"),
        ("hf:./some/vit", ModelKind.HF, "./some/vit", "vit", "hf:vit"),
        ("hf:/some/where/vit/", ModelKind.HF, "/some/where/vit/", "vit", "hf:vit"),
        ("hf:a/b/vit", ModelKind.HF, "a/b/vit", "vit", "hf:vit"),
        ("keras:some/net.keras", ModelKind.KERAS, "some/net.keras", "net.keras", "keras:net.keras"),
        ("some/net.pt", ModelKind.PROGRAM, "some/net.pt", "net.pt", "net.pt"),
        ("net.torchscript", ModelKind.PROGRAM, "net.torchscript", "net.torchscript", "net.torchscript"),
        ("some/net.PT2", ModelKind.PROGRAM, "some/net.PT2", "net.PT2", "net.PT2"),
        ("demo", ModelKind.DEMO, "", "demo", "demo"),
    ],
)
def test_specs_are_taken_apart(text, kind, place, name, short):
    spec = parse_model_spec(text)
    assert spec == ModelSpec(kind=kind, place=place, name=name)
    if short is not None:
        assert str(spec) == short
        assert type(str(spec)) is str


@pytest.mark.parametrize("text", ["resnet18", "", ":make", "net.py", "net.py:", "a b:make", "torchvision:", "x.py:a-b"])
def test_anything_else_is_refused(text):
    with pytest.raises(ModelError, match="no model spec") as caught:
        parse_model_spec(text)
    assert "factory" in caught.value.hint or "build_model" in caught.value.hint


def test_folder_that_exists_goes_before_a_hub_id(tmp_path, monkeypatch):
    (tmp_path / "google" / "vit").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    spec = parse_model_spec("hf:google/vit")
    assert (spec.place, str(spec)) == ("google/vit", "hf:vit")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("net.py", "net.py:build_model"),
        ("net.keras", "Write keras:net.keras"),
        ("net.h5", "model.save('model.keras')"),
        ("w.safetensors", "--weights w.safetensors"),
        ("last.ckpt", "--weights last.ckpt"),
        ("tinm:resnet-18", "Did you mean timm:resnet-18?"),
        ("huggingface:google/vit", "Did you mean hf:google/vit?"),
        ("Transformers:google/vit", "Did you mean hf:google/vit?"),
        ("resnet18", "torchvision:NAME"),
    ],
)
def test_what_may_have_been_meant_is_said(text, hint):
    with pytest.raises(ModelError, match="no model spec") as caught:
        parse_model_spec(text)
    assert hint in caught.value.hint


def test_folder_of_transformers_without_its_prefix_is_recognised(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError) as caught:
        parse_model_spec(str(tmp_path))
    assert caught.value.hint == f"Write hf:{tmp_path}."


def test_misspelt_library_is_taken_for_a_module_that_is_missing():
    with pytest.raises(ModelError, match="The module torchvison cannot be found") as caught:
        locate_model_file(parse_model_spec("torchvison:resnet18"))
    assert caught.value.hint == "Did you mean torchvision:resnet18?"


def test_files_of_keras_models_and_programs_are_found_and_checked(tmp_path):
    for name, spec in (("net.keras", "keras:{}"), ("net.pt", "{}")):
        path = tmp_path / name
        with pytest.raises(ModelError, match=rf"{name} does not exist"):
            locate_model_file(parse_model_spec(spec.format(path)))
        path.write_text("x")
        assert locate_model_file(parse_model_spec(spec.format(path))) == path
    (tmp_path / "net.h5").write_text("x")
    with pytest.raises(ModelError, match=r"net\.h5 is no \.keras file") as caught:
        locate_model_file(parse_model_spec(f"keras:{tmp_path}/net.h5"))
    assert "model.save" in caught.value.hint


def test_module_is_found_without_importing_its_parents(tmp_path, monkeypatch):
    package = tmp_path / "outer_pkg" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "nets.py").write_text("raise RuntimeError('imported')")
    monkeypatch.chdir(tmp_path)
    for place, expected in (("outer_pkg.inner.nets", package / "nets.py"), ("outer_pkg", "outer_pkg/__init__.py")):
        found = locate_model_file(ModelSpec(kind=ModelKind.MODULE, place=place, name="make"))
        assert found == tmp_path / expected
    assert not any(name.startswith("outer_pkg") for name in sys.modules)
    with pytest.raises(ModelError, match=r"The module outer_pkg\.other cannot be found"):
        locate_model_file(ModelSpec(kind=ModelKind.MODULE, place="outer_pkg.other.nets", name="make"))


def test_modules_without_a_file_are_refused():
    with pytest.raises(ModelError, match="The module sys has no file"):
        locate_model_file(ModelSpec(kind=ModelKind.MODULE, place="sys", name="exit"))


def test_missing_model_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"The model file .*net\.py does not exist"):
        locate_model_file(parse_model_spec(f"{tmp_path}/net.py:make"))


def test_libraries_have_no_file():
    assert locate_model_file(parse_model_spec("torchvision:resnet18")) is None


def test_demo_files_are_those_of_its_network():
    from reportgen.demo import network

    assert DEMO_WEIGHTS_PATH == network.WEIGHTS_PATH
    assert str(locate_model_file(parse_model_spec("demo"))) == network.__file__


def weights_of(model: str, weights: str | None):
    return locate_weights(AnalyzeSettings(model=model, data="demo", weights=weights), parse_model_spec(model))


@pytest.mark.parametrize("model", ["torchvision:resnet18", "timm:resnet18"])
def test_library_network_without_weights_is_refused(model):
    with pytest.raises(ModelError, match="random network") as caught:
        weights_of(model, None)
    assert "--weights pretrained" in caught.value.hint
    assert weights_of(model, "pretrained") is None


def test_weights_are_the_file_given_or_the_factorys_own(tmp_path):
    path = tmp_path / "w.pth"
    with pytest.raises(CheckpointError, match="does not exist"):
        weights_of("net.py:make", str(path))
    path.write_bytes(b"x")
    assert weights_of("net.py:make", str(path)) == path
    assert weights_of("net.py:make", None) is None
    with pytest.raises(ModelError, match="no pretrained weights of a library"):
        weights_of("net.py:make", "pretrained")


def test_weights_come_with_folders_and_files(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(b"x")
    assert weights_of("hf:vit", None) is weights_of("hf:vit", "pretrained") is None
    assert weights_of("hf:vit", str(path)) == path
    for model in ("keras:net.keras", "net.pt2"):
        assert weights_of(model, None) is None
        with pytest.raises(ModelError, match=r"is given, but net\.\w+ holds its own weights"):
            weights_of(model, str(path))


def test_demo_has_its_weights_unless_others_are_given(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(b"x")
    assert weights_of("demo", None) == weights_of("demo", "pretrained") == DEMO_WEIGHTS_PATH
    assert weights_of("demo", str(path)) == path


def test_path_is_restored_also_after_an_error(tmp_path):
    before = list(sys.path)

    def fail_inside() -> None:
        with importable(tmp_path):
            assert sys.path[0] == str(tmp_path)
            sys.path.append("left by the model's code")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert sys.path == before
