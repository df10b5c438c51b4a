"""Small files with the names that the documentation uses, so that its commands can be run offline."""

import json
import pickle
import warnings
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from reportgen.inputs.data.cifar import CIFAR100_SUPERCLASS_OF

NAMES = ("otter", "seal", "walrus")
SIDE, NUM_IMAGES = 32, 12
NETWORK = """
from torch import nn


def {function}():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, {classes}),
    )
"""
CIFAR_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "cifar100"
"""Where the real test images and a trained checkpoint may be. The tests do not need them."""


def write_stand_ins(folder: Path) -> None:
    """Everything that the pages name, except what needs an optional library of its own."""
    torch.manual_seed(0)
    labels = np.arange(NUM_IMAGES) % len(NAMES)
    images = make_images(labels)
    _write_images(folder / "test_images", images, labels)
    _write_images(folder / "photos", images, labels)
    _write_tables(folder, labels)
    np.savez(folder / "test.npz", images=images, labels=labels, class_names=np.array(NAMES))
    _write_networks(folder)
    _write_texts(folder)
    _write_boxes(folder / "boxes", labels)
    for name in ("otter", "seal", "plate"):
        Image.fromarray(images[0]).save(folder / f"{name}.png")
    _write_fashion_mnist(folder / "data" / "FashionMNIST" / "raw")
    _write_cifar(folder)


def make_images(labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Noise with one brighter color channel for each class."""
    images = np.random.default_rng(0).integers(0, 160, (len(labels), SIDE, SIDE, 3), dtype=np.uint8)
    images[np.arange(len(labels)), 8:24, 8:24, labels % 3] += 90
    return images


def _write_images(folder: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / NAMES[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / NAMES[label] / f"{number:02d}.png")


def _write_tables(folder: Path, labels: NDArray[np.int64]) -> None:
    rows = [f"test_images/{NAMES[label]}/{n:02d}.png,{NAMES[label]},{'ab'[n % 2]}" for n, label in enumerate(labels)]
    (folder / "test.csv").write_text("\n".join(["path,label,site", *rows, ""]), encoding="utf-8")
    groups = ["class,superclass", "otter,weasels", "seal,pinnipeds", "walrus,pinnipeds", ""]
    (folder / "groups.csv").write_text("\n".join(groups), encoding="utf-8")


def _load(code: str, function: str) -> nn.Module:
    module = ModuleType("stand_in")
    exec(code, module.__dict__)
    network: nn.Module = getattr(module, function)()
    return network.eval()


def _write_networks(folder: Path) -> None:
    import torchvision

    for name, function, classes in (("model", "make_model", len(NAMES)), ("lenet", "make_lenet", 10)):
        code = NETWORK.format(function=function, classes=classes)
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
        torch.save(_load(code, function).state_dict(), folder / f"{name}.pth")
    network = _load(NETWORK.format(function="make_model", classes=len(NAMES)), "make_model")
    state_dict = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"state_dict": state_dict, "state_dict_ema": state_dict}, folder / "averaged.pth")
    torch.save({"state_dict": state_dict, "hyper_parameters": Namespace(width=8)}, folder / "epoch=9.ckpt")
    torch.save(torchvision.models.resnet18(num_classes=len(NAMES)).state_dict(), folder / "photos.pth")
    batch = torch.export.Dim("batch", min=1, max=256)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the age of the exporter's own parts
        inputs = (torch.zeros(2, 3, SIDE, SIDE),)
        torch.export.save(torch.export.export(network, inputs, dynamic_shapes=({0: batch},)), folder / "model.pt2")


def _write_texts(folder: Path) -> None:
    texts = {
        "names.txt": "\n".join(NAMES),
        "imagenet.txt": "\n".join(NAMES),
        "review.md": "Looks good.\n",
        "own.css": ":root { --accent: teal; }\n",
        "mark.svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4"/></svg>\n',
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "my_templates").mkdir()
    template = '{% extends "builtin/index.html.j2" %}\n'
    (folder / "my_templates" / "index.html.j2").write_text(template, encoding="utf-8")


def _write_boxes(folder: Path, labels: NDArray[np.int64]) -> None:
    folder.mkdir()
    for number, label in enumerate(labels):
        shape = {"label": NAMES[label], "shape_type": "rectangle", "points": [[8, 8], [24, 24]]}
        document = {"imagePath": f"{number:02d}.png", "imageHeight": SIDE, "imageWidth": SIDE, "shapes": [shape]}
        (folder / f"{number:02d}.json").write_text(json.dumps(document), encoding="utf-8")


def _write_fashion_mnist(folder: Path) -> None:
    folder.mkdir(parents=True)
    labels = np.arange(20, dtype=np.uint8) % 10
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    for part in ("train", "t10k"):
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
            (folder / f"{part}-{kind}-ubyte").write_bytes(header + values.tobytes())


def _write_cifar(folder: Path) -> None:
    """CIFAR-100 in torchvision's layout: the real test set and checkpoint, or random ones of the same form."""
    names = sorted(CIFAR100_SUPERCLASS_OF)
    if CIFAR_FOLDER.is_dir():
        with np.load(CIFAR_FOLDER / "test.npz") as archive:
            images, labels = archive["images"], archive["labels"]
        (folder / "resnet20.pth").write_bytes((CIFAR_FOLDER / "resnet20.pth").read_bytes())
    else:
        labels = np.arange(200) % len(names)
        images = make_images(labels)
    content = {"data": images.transpose(0, 3, 1, 2).reshape(len(labels), -1), "fine_labels": labels.tolist()}
    target = folder / "data" / "cifar-100-python"
    target.mkdir(parents=True)
    (target / "train").write_bytes(b"")  # looked for, never read
    (target / "test").write_bytes(pickle.dumps(content))
    (target / "meta").write_bytes(pickle.dumps({"fine_label_names": names}))


def write_library_stand_ins(folder: Path) -> None:
    """The files that need timm, transformers, Keras and datasets."""
    import datasets
    import timm
    import transformers
    from safetensors.torch import save_file

    from reportgen.inputs.networks.keras_models import import_keras

    save_file(timm.create_model("test_resnet", num_classes=len(NAMES)).state_dict(), folder / "tiny.safetensors")
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    config = transformers.ViTConfig(image_size=SIDE, patch_size=8, id2label=dict(enumerate(NAMES)), **sizes)
    transformers.ViTForImageClassification(config).save_pretrained(folder / "my-vit")
    transformers.ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder / "my-vit")
    keras = import_keras("the documentation")
    layers = [keras.layers.Conv2D(8, 3, strides=4, activation="relu"), keras.layers.GlobalAveragePooling2D()]
    keras.Sequential([keras.Input((SIDE, SIDE, 3)), *layers, keras.layers.Dense(len(NAMES))]).save(
        folder / "model.keras"
    )
    labels = np.arange(NUM_IMAGES) % len(NAMES)
    paths = [str(folder / "test_images" / NAMES[label] / f"{number:02d}.png") for number, label in enumerate(labels)]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(NAMES))})
    datasets.disable_progress_bars()
    saved = datasets.Dataset.from_dict({"image": paths, "label": labels.tolist()}, features=features)
    saved.save_to_disk(folder / "saved_set")
