"""The test set and the model that lie beside the checkout, where they do: the two forms of the data agree."""

import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from loaded import load_classifier, load_evaluation_set

from reportgen.inputs.data.batches import iterate_views
from reportgen.settings import AnalyzeSettings, PreprocessingSettings

SHARED = Path(__file__).parents[3].parent / "shared/cifar100"
pytestmark = pytest.mark.skipif(not (SHARED / "test.npz").is_file(), reason="the real test set is not here")


def settings(data: Path) -> AnalyzeSettings:
    return AnalyzeSettings(
        model=f"{SHARED / 'resnet.py'}:resnet20",
        weights=str(SHARED / "resnet20.pth"),
        data=str(data),
        superclasses_path=SHARED / "superclasses.csv",
        preprocessing=PreprocessingSettings(mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762)),
    )


def test_folder_and_npz_agree_in_labels_ids_pixels_and_class_order(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["unpack.py", str(tmp_path / "folder"), "--per-class", "3"])
    runpy.run_path(str(SHARED / "unpack.py"), run_name="__main__")
    from_folder, from_npz = (load_evaluation_set(settings(data)) for data in (tmp_path / "folder", SHARED / "test.npz"))
    assert from_folder.class_names == from_npz.class_names
    assert from_folder.superclasses is not None
    assert from_npz.superclasses is not None
    assert from_folder.superclasses.names == from_npz.superclasses.names
    np.testing.assert_array_equal(from_folder.superclasses.superclass_of, from_npz.superclasses.superclass_of)
    position_of = {example_id: position for position, example_id in enumerate(from_npz.example_ids)}
    for position, example_id in enumerate(from_folder.example_ids):
        same = position_of[example_id]
        assert from_folder.labels[position] == from_npz.labels[same]
        np.testing.assert_array_equal(from_folder.images[position], from_npz.images[same])


def test_model_recognises_what_it_was_trained_for():
    # The accuracy over all 10,000 is 0.6565 (RESULT.txt); 0.1 is three standard deviations of a sample of 200.
    chosen = settings(SHARED / "test.npz")
    limited = replace(chosen, limit=200)
    data = load_evaluation_set(limited)
    classifier = load_classifier(limited, num_classes=100, normalisation=data.normalisation)
    with torch.no_grad():
        predicted = [
            classifier.module(classifier.preprocessing.normalise(torch.from_numpy(views))).argmax(1).numpy()
            for views in iterate_views(data, classifier.preprocessing, 100)
        ]
    assert abs((np.concatenate(predicted) == data.labels).mean() - 0.6565) < 0.1
