"""The README's table of what images, labels and outputs may come from: what each source gives, found by loading it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from reportgen.inputs.array_results import load_array_results
from reportgen.inputs.datasets import load_evaluation_set
from reportgen.inputs.digests import compute_cache_key
from reportgen.settings import AnalyzeSettings

NAMES = ["cat/a.png", "cat/b.png", "dog/c.png"]
SIZES = [(8, 9), (12, 10), (7, 7)]


@pytest.fixture
def root(tmp_path, pixels) -> Path:
    """Three pictures of three sizes in folders of two classes."""
    for name, size in zip(NAMES, SIZES, strict=True):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(*size, 3)).save(tmp_path / "set" / name)
    return tmp_path / "set"


def table() -> pd.DataFrame:
    return pd.DataFrame({"path": NAMES, "label": ["cat", "cat", "dog"], "site": ["north", "south", "north"]})


def make_folder(root: Path) -> dict[str, object]:
    return {"data": str(root)}


def make_csv(root: Path) -> dict[str, object]:
    table().to_csv(root / "set.csv", index=False)
    return {"data": str(root / "set.csv")}


def make_parquet(root: Path) -> dict[str, object]:
    pytest.importorskip("pyarrow")
    table().to_parquet(root / "set.parquet")
    return {"data": str(root / "set.parquet")}


def make_npz(root: Path) -> dict[str, object]:
    images = np.zeros((3, 8, 8, 3), np.uint8)
    ids, class_names = np.array(NAMES), np.array(["cat", "dog"])
    np.savez(root / "set.npz", images=images, labels=np.array([0, 0, 1]), ids=ids, class_names=class_names)
    return {"data": str(root / "set.npz")}


def make_hf(root: Path) -> dict[str, object]:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    features = datasets.Features({**kinds, "site": datasets.Value("string")})
    rows = {"image": [str(root / name) for name in NAMES], **table()[["label", "site"]].to_dict("list")}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(root / "saved")
    return {"data": f"hf:{root / 'saved'}"}


def make_torchvision(root: Path) -> dict[str, object]:
    return {"data": "torchvision:ImageFolder", "data_root": root}


def make_arrays(root: Path) -> dict[str, object]:
    members = {"ids": np.array(NAMES), "class_names": np.array(["cat", "dog"]), "images": np.zeros((3, 8, 8, 3), "u1")}
    maps = {"maps_true": np.ones((3, 4, 4)), "maps_predicted": np.ones((3, 4, 4))}
    outputs = {"y_true": np.array([0, 0, 1]), "y_pred_probs": np.full((3, 2), 0.5)}
    np.savez(root / "outputs.npz", **outputs, **members, **maps, **{"column.site": np.array(["north"] * 3)})
    return {"arrays": root / "outputs.npz"}


CASES: dict[str, tuple[str, Callable[[Path], dict[str, object]]]] = {
    "folder of images": ("`--data FOLDER`, images in `<class>/`", make_folder),
    "CSV manifest": ("`--data FILE.csv` with the columns `path,label`", make_csv),
    "Parquet manifest": ("`--data FILE.parquet` with the columns `path,label`, extra `parquet`", make_parquet),
    "arrays": ("`--data FILE.npz`", make_npz),
    "saved `datasets` folder": ("`--data hf:FOLDER`, `hf:FOLDER#SPLIT:COLUMN`, extra `hf`", make_hf),
    "torchvision": ("`--data torchvision:NAME --data-root DIR`", make_torchvision),
    "outputs of a model that ran elsewhere": ("`--arrays FILE.npz`", make_arrays),
}


def given_by(settings: AnalyzeSettings) -> list[str]:
    """What a report gets from a source, in words."""
    if settings.arrays is not None:
        cache = load_array_results(settings, compute_cache_key(settings))
        shapes = {image.shape for image in cache.thumbnails}
        ids, names, labels, columns = cache.example_id.tolist(), cache.class_names, cache.labels, cache.columns
        maps = ["labels and outputs", *(["maps"] if cache.cams else [])]
    else:
        loaded = load_evaluation_set(settings)
        shapes = {loaded.images[position].shape for position in range(len(loaded.images))}
        ids, names, labels, columns = list(loaded.example_ids), loaded.class_names, loaded.labels, loaded.columns
        maps = ["labels"]
    assert labels.tolist() == [0, 0, 1]
    return [
        *maps,
        "images of any size" if len(shapes) > 1 else "images of one size",
        *(["class names"] if names == ("cat", "dog") else []),
        *(["names of images"] if [Path(text).name for text in ids] == ["a.png", "b.png", "c.png"] else []),
        *(["columns to filter by"] if "site" in columns else []),
    ]


@pytest.mark.parametrize("name", CASES)
def test_the_source_gives_what_the_readme_says(name, root, readme_tables):
    option, make = CASES[name]
    options = make(root)
    settings = AnalyzeSettings(**options if "arrays" in options else {"model": "demo", **options})
    readme_tables.check_row("sources", name, [option, ", ".join(given_by(settings))])


def test_the_table_holds_the_sources_that_are_tested(readme_tables):
    readme_tables.check_keys("sources", list(CASES))
