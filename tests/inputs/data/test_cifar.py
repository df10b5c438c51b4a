import csv
import pickle
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from loaded import load_evaluation_set

from reportgen.errors import DataError
from reportgen.inputs.data import cifar
from reportgen.settings import AnalyzeSettings

SHARED = Path(__file__).parents[3].parent / "shared/cifar100"


@pytest.fixture
def cifar_root(tmp_path, pixels, monkeypatch) -> Path:
    """Four pictures in the files of each variant, whose checksums torchvision doesn't check here."""
    for spec, labels_key, names_key, names in (
        ("cifar10", "labels", "label_names", ["plane", "car"]),
        ("cifar100", "fine_labels", "fine_label_names", sorted(cifar.CIFAR100_SUPERCLASS_OF)),
    ):
        variant = cifar.VARIANTS[spec]
        folder = tmp_path / variant.folder
        folder.mkdir()
        meta, test = variant.test_files
        planes = pixels(4, 32, 32, 3).transpose(0, 3, 1, 2).reshape(4, 3072)
        (folder / meta).write_bytes(pickle.dumps({names_key: names}))
        (folder / test).write_bytes(pickle.dumps({"data": planes, labels_key: [0, 1, 1, 0]}))
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "_check_integrity", lambda _self: True)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)
    return tmp_path


@pytest.mark.parametrize("spec", ["cifar10", "cifar100"])
def test_test_set_comes_from_torchvisions_files(cifar_root, pixels, spec):
    loaded = load_evaluation_set(AnalyzeSettings(model="demo", data=spec, data_root=cifar_root))
    assert loaded.name == f"{cifar.VARIANTS[spec].title} test set"
    assert loaded.labels.tolist() == [0, 1, 1, 0]
    assert loaded.example_ids == ("0", "1", "2", "3")
    assert loaded.normalisation == cifar.VARIANTS[spec].normalisation
    for position in range(4):
        np.testing.assert_array_equal(loaded.images[position], pixels(4, 32, 32, 3)[position])
        assert loaded.images[position].flags.c_contiguous


def test_cifar100_knows_its_superclasses(cifar_root):
    groups = load_evaluation_set(AnalyzeSettings(model="demo", data="cifar100", data_root=cifar_root)).superclasses
    assert groups is not None
    assert len(groups.names) == 20
    assert np.bincount(groups.superclass_of).tolist() == [5] * 20


def test_superclasses_are_the_published_ones():
    table = SHARED / "superclasses.csv"
    if not table.is_file():
        pytest.skip("the table is not here")
    with table.open() as file:
        expected = {row["class"]: row["superclass"] for row in csv.DictReader(file)}
    assert expected == cifar.CIFAR100_SUPERCLASS_OF


def test_missing_files_say_how_to_get_them(tmp_path):
    with pytest.raises(DataError, match="CIFAR-10 is not in") as caught:
        load_evaluation_set(AnalyzeSettings(model="demo", data="cifar10", data_root=tmp_path))
    assert "download=True" in caught.value.hint
    assert "data_root" in caught.value.hint


def test_damaged_files_say_how_to_replace_them(cifar_root, monkeypatch):
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "_check_integrity", lambda _self: False)
    with pytest.raises(DataError, match="CIFAR-10 cannot be read") as caught:
        load_evaluation_set(AnalyzeSettings(model="demo", data="cifar10", data_root=cifar_root))
    assert "download=True" in caught.value.hint


def test_failed_download_says_what_to_do(tmp_path, monkeypatch):
    def fail(self):
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.datasets.CIFAR10, "download", fail)
    with pytest.raises(DataError, match="no route to host") as caught:
        load_evaluation_set(AnalyzeSettings(model="demo", data="cifar10", data_root=tmp_path, download=True))
    assert "cifar-10-batches-py" in caught.value.hint
