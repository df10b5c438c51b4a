import logging

import numpy as np
import pytest
import torch
from loaded import compute_cache_key, load_classifier
from torch import nn

from reportgen.errors import ModelError
from reportgen.settings import AnalyzeSettings, ModelSettings, PreprocessingSettings

# About torch.jit as a whole, which these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

STATISTICS = PreprocessingSettings(mean=(0.5,) * 3, std=(0.25,) * 3)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.drop = nn.Dropout()
        self.fc = nn.Linear(4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.drop(self.conv(images).relu()).mean(dim=(2, 3)))


class Several(Net):
    def forward(self, images):
        return {"logits": super().forward(images), "extra": (images.mean(dim=(1, 2, 3)),)}


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


def build(path, **options):
    return load_classifier(ModelSettings(**{"model": str(path), "preprocessing": STATISTICS, **options}))


def export(net, path, *, size=4, dims=None, side=8):
    program = torch.export.export(net, (torch.rand(size, 3, side, side),), dynamic_shapes=dims and {"images": dims})
    torch.export.save(program, path)
    return path


@pytest.mark.parametrize("suffix", ["pt", "pts", "ts", "torchscript"])
@pytest.mark.parametrize("make", [torch.jit.script, lambda net: torch.jit.trace(net, torch.rand(2, 3, 8, 8))])
def test_torchscript_runs_as_the_network_it_was_made_from(net, tmp_path, make, suffix):
    path = tmp_path / f"net.{suffix}"
    make(net).save(path)
    classifier = build(path)
    assert classifier.is_opaque
    assert classifier.name == "the model"
    assert classifier.weights_name == f"net.{suffix}"
    images = torch.rand(7, 3, 8, 8)
    torch.testing.assert_close(classifier.module(images), net(images))


def test_frozen_torchscript_runs(net, tmp_path):
    torch.jit.freeze(torch.jit.script(net)).save(tmp_path / "net.pt")
    images = torch.rand(7, 3, 8, 8)
    torch.testing.assert_close(build(tmp_path / "net.pt").module(images), net(images))


@pytest.mark.slow
@pytest.mark.parametrize(
    "dims",
    [
        None,
        {0: torch.export.Dim("batch")},
        {0: torch.export.Dim("batch", min=3, max=4)},
        {0: torch.export.Dim("batch", max=5)},
        {0: torch.export.Dim("batch"), 2: torch.export.Dim("height", min=4), 3: torch.export.Dim("width", min=4)},
    ],
)
@pytest.mark.parametrize("size", [1, 4, 9])
def test_exported_program_takes_batches_of_any_size(net, tmp_path, dims, size):
    classifier = build(export(net, tmp_path / "net.pt2", dims=dims))
    assert classifier.is_opaque
    assert classifier.name == "the model"
    images = torch.rand(size, 3, 8, 8)
    torch.testing.assert_close(classifier.module(images), net(images))


def test_outputs_of_several_parts_are_joined_wherever_they_lie(tmp_path):
    torch.manual_seed(0)
    net = Several().eval()
    images = torch.rand(9, 3, 8, 8)
    found, expected = build(export(net, tmp_path / "net.pt2")).module(images), net(images)
    torch.testing.assert_close(found["logits"], expected["logits"])
    torch.testing.assert_close(found["extra"][0], expected["extra"][0])


def test_exported_program_is_evaluated_as_it_was_exported(net, tmp_path):
    module = build(export(net, tmp_path / "net.pt2")).module
    assert not module.training
    assert module.train().training
    images = torch.rand(4, 3, 8, 8)
    assert torch.equal(module(images), module.eval()(images))
    assert sum(parameter.numel() for parameter in module.parameters()) == sum(p.numel() for p in net.parameters())


def test_images_of_another_size_than_exported_are_explained(net, tmp_path):
    module = build(export(net, tmp_path / "net.pt2")).module
    with pytest.raises(ModelError, match=r"net\.pt2 takes images of 8×8 pixels, not of 9×8") as caught:
        module(torch.rand(4, 3, 9, 8))
    assert "crop" in caught.value.hint
    partly = export(net, tmp_path / "net.pt2", dims={2: torch.export.Dim("height", min=4)})
    with pytest.raises(ModelError, match="images of any×8 pixels, not of 8×9"):
        build(partly).module(torch.rand(4, 3, 8, 9))


def test_program_of_other_inputs_is_refused(tmp_path):
    program = torch.export.export(nn.Linear(4, 3), (torch.rand(2, 4),))
    torch.export.save(program, tmp_path / "net.pt2")
    with pytest.raises(ModelError, match=r"net\.pt2 takes \(2, 4\), but must take one batch of RGB images"):
        build(tmp_path / "net.pt2")


def test_weights_besides_a_program_are_refused(net, tmp_path):
    torch.jit.script(net).save(tmp_path / "net.pt")
    for weights in ("pretrained", "w.pth"):
        with pytest.raises(ModelError, match=rf"weights='{weights}' is given, but net\.pt contains its own weights"):
            build(tmp_path / "net.pt", weights=weights)


def test_other_files_are_told_apart(net, tmp_path):
    path = tmp_path / "net.pt"
    with pytest.raises(ModelError, match=r"The program .*net\.pt does not exist"):
        build(path)
    torch.save(net.state_dict(), path)
    with pytest.raises(ModelError, match="contains weights, not a program") as caught:
        build(path)
    assert f"weights={str(path)!r}" in caught.value.hint
    with path.open("wb") as file:
        np.savez(file, a=1)
    with pytest.raises(ModelError, match="is an archive, but not a program of PyTorch"):
        build(path)
    path.write_text("hello")
    with pytest.raises(ModelError, match="is damaged or not a program"):
        build(path)


@pytest.mark.parametrize("name", ["net.pt", "net.pt2"])
def test_damaged_program_is_one_clear_error(net, tmp_path, name, caplog):
    path = tmp_path / name
    torch.jit.script(net).save(path) if name == "net.pt" else export(net, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="is damaged or not a program"):
        build(path)
    path.write_bytes(whole.replace(b"conv", b"c\0nv"))  # still an archive, but for its checksums
    with pytest.raises(ModelError, match="cannot load the program"):
        build(path)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_key_holds_the_programs_digest(net, tmp_path, image_folder):
    path = tmp_path / "net.pt"
    torch.jit.script(net).save(path)
    settings = AnalyzeSettings(model=str(path), data=str(image_folder))
    before = compute_cache_key(settings)
    assert before.model == "net.pt"
    with torch.no_grad():
        net.fc.bias.add_(1)
    torch.jit.script(net).save(path)
    assert compute_cache_key(settings).differences(before) == ("model_digest",)
