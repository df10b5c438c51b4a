from pathlib import Path

import numpy as np
import pytest

from reportgen.errors import DataError
from reportgen.inputs.data.class_names import read_class_names
from reportgen.inputs.data.class_orders import read_class_order


def _file(folder: Path, *rows: str) -> Path:
    path = folder / "class_order.csv"
    path.write_text("\n".join(["output_index,class_index,class", *rows]) + "\n", encoding="utf-8")
    return path


def test_order_names_the_outputs_and_maps_the_labels(tmp_path):
    path = _file(tmp_path, "0,2,owl", '1,0,"cat, wild"', "2,1,dog")
    assert read_class_names(path) == ("owl", "cat, wild", "dog")
    assert read_class_order(path).reorder(np.array([0, 1, 2, 2])).tolist() == [1, 2, 0, 0]


def test_plain_names_are_no_order(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("owl\ncat\n", encoding="utf-8")
    assert read_class_order(path) is None
    assert read_class_order(None) is None


@pytest.mark.parametrize("rows", [(), ("0,0,a", "1,0,b"), ("0,1,a", "2,0,b"), ("0,x,a",), ("0,0",)])
def test_an_order_that_is_none_is_refused(tmp_path, rows):
    with pytest.raises(DataError, match="contains no order of classes"):
        read_class_order(_file(tmp_path, *rows))
