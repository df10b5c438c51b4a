"""Annotations in files: which format each file has, and what all files of a folder say together."""

from pathlib import Path

from reportgen.errors import DataError
from reportgen.inputs.annotations.coco import is_coco, read_coco
from reportgen.inputs.annotations.cvat import read_cvat
from reportgen.inputs.annotations.label_studio import is_label_studio, read_label_studio
from reportgen.inputs.annotations.labelme import is_labelme, read_labelme
from reportgen.inputs.annotations.marked_images import FORMATS_HINT, AnnotationFile, misfit, read_json
from reportgen.inputs.annotations.mask_pictures import read_masks
from reportgen.inputs.annotations.via import is_via, is_via_csv, read_via, read_via_csv
from reportgen.inputs.files import read_text

_HEADER_LENGTH = 1000


def read_annotations(path: Path, mask_values: tuple[int, ...] = ()) -> AnnotationFile:
    """The annotations in a file, or in the files of a folder.

    In a folder, JSON files come first, then XML files, then VIA's tables, then masks: LabelMe's files lie beside the
    images. Hidden files are ignored, and files that cannot be read are left out.

    Args:
        path: the file or folder.
        mask_values: the values of masks that mark something; empty for all but 0.

    Raises:
        DataError: there is nothing of these kinds at the path, or the only file cannot be read.
    """
    if path.is_file():
        return _read_file(path, Path(path.name))
    if not path.is_dir():
        raise DataError(f"The annotations {path} do not exist.", hint=FORMATS_HINT)
    files = sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file.relative_to(path)))
    for suffix in (".json", ".xml"):
        chosen = [file for file in files if file.suffix.lower() == suffix]
        if chosen:
            return _read_files(chosen, path)
    tables = [file for file in files if file.suffix.lower() == ".csv" and is_via_csv(_read_start(file))]
    if tables:
        return _read_files(tables, path)
    masks = [file for file in files if file.suffix.lower() == ".png"]
    if masks:
        return read_masks(masks, path, mask_values)
    raise DataError(f"The folder of annotations {path} contains no JSON, XML or PNG files.", hint=FORMATS_HINT)


def _read_start(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline(_HEADER_LENGTH)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _read_files(paths: list[Path], root: Path) -> AnnotationFile:
    """What all files say; a folder may mix formats."""
    read: list[AnnotationFile] = []
    unusable: list[str] = []
    for path in paths:
        try:
            read.append(_read_file(path, path.relative_to(root)))
        except DataError as error:
            if len(paths) == 1:
                raise
            unusable.append(error.message)
    if not read:
        raise DataError(f"No file of annotations can be used. {unusable[0]}", hint=FORMATS_HINT)
    return AnnotationFile(
        format=" and ".join(dict.fromkeys(part.format for part in read)),
        images=tuple(image for part in read for image in part.images),
        num_lines=sum(part.num_lines for part in read),
        unusable=(*unusable, *(sentence for part in read for sentence in part.unusable)),
    )


def _read_file(path: Path, below: Path) -> AnnotationFile:
    """The annotations of one file.

    Args:
        path: the file.
        below: the same, relative to the folder of annotations, as it is shown.
    """
    where = below.as_posix()
    if path.suffix.lower() == ".xml":
        return read_cvat(path, where)
    if path.suffix.lower() == ".csv":
        text = read_text(path, "The annotations", error=DataError, hint=FORMATS_HINT)
        if not is_via_csv(text):
            raise misfit(where, "it is not a table of regions as VIA writes it")
        return read_via_csv(text, where)
    document = read_json(path, where)
    if is_coco(document):
        return read_coco(document, where)
    if is_labelme(document):
        return read_labelme(document, below)
    if is_label_studio(document):
        return read_label_studio(document, where)
    if is_via(document):
        return read_via(document, where)
    raise misfit(where, "it is not as LabelMe, COCO, Label Studio or VIA write it")
