import pytest

from reportgen.errors import CheckpointError, ModelError
from reportgen.inputs.networks.sources.demo import WEIGHTS_PATH
from reportgen.inputs.registry import resolve_model
from reportgen.settings import ModelSettings


def source_of(model: str, weights: str | None = None):
    return resolve_model(ModelSettings(model=model, weights=weights))


def test_files_of_keras_models_and_programs_are_found_and_checked(tmp_path):
    for name, spec in (("net.keras", "keras:{}"), ("net.pt", "{}")):
        path = tmp_path / name
        with pytest.raises(ModelError, match=rf"{name} does not exist"):
            source_of(spec.format(path)).files()
        path.write_text("x")
        assert source_of(spec.format(path)).files() == (path,)
    (tmp_path / "net.h5").write_text("x")
    with pytest.raises(ModelError, match=r"net\.h5 is not a \.keras file") as caught:
        source_of(f"keras:{tmp_path}/net.h5").files()
    assert "model.save" in caught.value.hint


def test_libraries_have_no_files():
    source = source_of("torchvision:resnet18")
    assert (source.files(), source.digest()) == ((), "")


def test_the_demos_files_are_those_of_its_network():
    from reportgen.demo import network

    assert WEIGHTS_PATH == network.WEIGHTS_PATH
    assert [str(path) for path in source_of("demo").files()] == [network.__file__]


@pytest.mark.parametrize("model", ["torchvision:resnet18", "timm:resnet18"])
def test_a_librarys_network_without_weights_is_refused(model):
    with pytest.raises(ModelError, match="random network") as caught:
        _ = source_of(model).checkpoint
    assert "weights='pretrained'" in caught.value.hint
    assert source_of(model, "pretrained").checkpoint is None


def test_weights_are_the_file_given_or_those_of_the_code(tmp_path):
    path = tmp_path / "w.pth"
    with pytest.raises(CheckpointError, match="does not exist"):
        _ = source_of("net.py:make", str(path)).checkpoint
    path.write_bytes(b"x")
    assert source_of("net.py:make", str(path)).checkpoint == path
    assert source_of("net.py:make").checkpoint is None
    with pytest.raises(ModelError, match=r"There are no pretrained weights for the model net\.py:make"):
        _ = source_of("net.py:make", "pretrained").checkpoint


def test_folders_and_files_bring_their_weights(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(b"x")
    assert source_of("hf:vit").checkpoint is source_of("hf:vit", "pretrained").checkpoint is None
    assert source_of("hf:vit", str(path)).checkpoint == path
    for model in ("keras:net.keras", "net.pt2"):
        assert source_of(model).checkpoint is None
        with pytest.raises(ModelError, match=r"is given, but .*net\.\w+ contains its own weights"):
            _ = source_of(model, str(path)).checkpoint


def test_the_demo_has_its_weights_unless_others_are_given(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(b"x")
    assert source_of("demo").checkpoint == source_of("demo", "pretrained").checkpoint == WEIGHTS_PATH
    assert source_of("demo", str(path)).checkpoint == path
