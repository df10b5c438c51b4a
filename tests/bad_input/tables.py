"""Tables of images: CSV files."""

from bad_input.row import SCALE, Row, data, text

TABLE = f"run --model model.py:make_model --weights model.pth --data test.csv {SCALE}"
FIRST = "photos/otter/00.png"


def _table(content: str):
    return text("test.csv", content)


ROWS = (
    Row("a table that does not exist", TABLE.replace("test.csv", "nowhere.csv"), ("nowhere.csv",)),
    Row("an empty table", TABLE, ("test.csv",), _table("")),
    Row("a header only", TABLE, ("test.csv",), _table("path,label\n")),
    Row("no column of labels", TABLE, ("label",), _table(f"path,site\n{FIRST},a\n")),
    Row("no column of paths", TABLE, ("path",), _table("file_of_image,label\na.png,otter\n")),
    Row("a path that does not exist", TABLE, ("nowhere.png",), _table("path,label\nnowhere.png,otter\n")),
    Row("a blank path", TABLE, ("path",), _table(f"path,label\n,otter\n{FIRST},otter\n")),
    Row("a blank label", TABLE, ("label",), _table(f"path,label\n{FIRST},\nphotos/seal/01.png,seal\n")),
    Row("a label twice in one row", TABLE, ("label",), _table(f"path,label,label\n{FIRST},otter,seal\n")),
    Row(
        "several labels in a cell",
        TABLE,
        ("otter|seal",),
        _table(f"path,label\n{FIRST},otter|seal\nphotos/seal/01.png,seal\nphotos/walrus/02.png,walrus\n"),
    ),
    Row("a row with too many cells", TABLE, ("test.csv",), _table(f"path,label\n{FIRST},otter,x,y\n")),
    Row("a row with too few cells", TABLE, ("test.csv",), _table(f"path,label\n{FIRST}\n")),
    Row(
        "an image twice",
        TABLE,
        ("00.png",),
        _table(f"path,label\n{FIRST},otter\n{FIRST},otter\nphotos/seal/01.png,seal\nphotos/walrus/02.png,walrus\n"),
    ),
    Row(
        "an example name twice",
        TABLE,
        ("same",),
        _table(f"path,label,id\n{FIRST},otter,same\nphotos/seal/01.png,seal,same\n"),
    ),
    Row(
        "labels counted from 1 for a model of three classes",
        TABLE,
        ("1", "3"),
        _table(f"path,label\n{FIRST},1\nphotos/seal/01.png,2\nphotos/walrus/02.png,3\n"),
    ),
    Row(
        "labels with fractions",
        TABLE,
        ("0.5",),
        _table(f"path,label\n{FIRST},0.5\nphotos/seal/01.png,1\nphotos/walrus/02.png,2\n"),
    ),
    Row(
        "a field of 200,000 characters",
        TABLE,
        ("test.csv",),
        _table(
            f"path,label,note\n{FIRST},otter,{'x' * 200_000}\nphotos/seal/01.png,seal,\nphotos/walrus/02.png,walrus,\n"
        ),
    ),
    Row("a quotation mark that never closes", TABLE, ("test.csv",), _table(f'path,label\n"{FIRST},otter\n')),
    Row("a zero byte", TABLE, ("test.csv",), data("test.csv", b"path,label\nphotos/ot\0ter/00.png,otter\n")),
    Row("UTF-16", TABLE, ("test.csv",), data("test.csv", f"path,label\n{FIRST},otter\n".encode("utf-16"))),
    Row(
        "Latin-1 with an accent", TABLE, ("test.csv",), data("test.csv", f"path,label\n{FIRST},été\n".encode("latin-1"))
    ),
    Row("a spreadsheet named .csv", TABLE, ("test.csv",), data("test.csv", b"PK\x03\x04" + bytes(60))),
    Row(
        "a spreadsheet",
        TABLE.replace("test.csv", "test.xlsx"),
        ("test.xlsx",),
        data("test.xlsx", b"PK\x03\x04" + bytes(60)),
    ),
    Row(
        "a Parquet file that is none",
        TABLE.replace("test.csv", "test.parquet"),
        ("test.parquet",),
        data("test.parquet", b"PAR1nothing"),
    ),
    Row("a column of paths that there is not", f"{TABLE} --path-column file", ("file",)),
    Row("a column of labels that there is not", f"{TABLE} --label-column diagnosis", ("diagnosis",)),
    Row("a column of names that there is not", f"{TABLE} --id-column patient", ("patient",)),
    Row("a folder of images that there is not", f"{TABLE} --image-root nowhere", ("nowhere",)),
    Row(
        "an ending that no image has",
        f"{TABLE} --suffix .tif",
        ("photos/otter/00",),
        _table("path,label\nphotos/otter/00,otter\n"),
    ),
    Row(
        "a path that leaves the folder and does not exist",
        TABLE,
        ("etc",),
        _table("path,label\n../../../../etc/nothing.png,otter\n"),
    ),
    Row("a path that is a folder", TABLE, ("photos",), _table("path,label\nphotos,otter\n")),
    Row("a path that is a device", TABLE, ("/dev/zero",), _table("path,label\n/dev/zero,otter\n")),
    Row(
        "a fourth class that the model does not have",
        TABLE,
        ("4", "3"),
        _table(f"path,label\n{FIRST},a\nphotos/otter/03.png,b\nphotos/seal/01.png,c\nphotos/walrus/02.png,d\n"),
    ),
)
