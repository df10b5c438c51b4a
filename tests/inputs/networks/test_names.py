from pathlib import Path

import pytest

from reportgen.inputs.networks.names import network_name, own_name


@pytest.mark.parametrize(
    ("class_name", "factory", "place", "name"),
    [
        ("ResNet", "resnet20", "resnet.py", "resnet20"),
        ("VGG", "vgg16_bn", "models.vgg", "vgg16_bn"),
        ("ResNet20", "resnet_20", "resnet.py", "ResNet20"),
        ("DemoNet", "build_network", "reportgen.demo.network", "DemoNet"),
        ("Sequential", "small_cnn", "model.py", "small_cnn"),
        ("Net", "net20", "net.py", "net20"),
        ("Model", "make_model", "folder/lenet5.py", "lenet5"),
        ("Sequential", "build_model", "package.unet", "unet"),
        ("Net", "Net", "net.py", "the model"),
        ("Functional", "make", "model.py", "the model"),
    ],
)
def test_a_network_is_called_by_the_most_specific_name_in_its_code(class_name, factory, place, name):
    assert network_name(class_name, factory, place) == name


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [("tiny", "a.keras", "tiny"), ("functional_1", "otters.keras", "otters"), ("model", "model.pt", "the model")],
)
def test_a_saved_network_is_called_by_its_own_name_or_its_files(name, path, expected):
    assert own_name(name, Path(path)) == expected
