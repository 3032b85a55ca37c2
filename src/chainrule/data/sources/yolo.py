"""Images and boxes as YOLO has them: a text file for each image, and a file that names the classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import boxes, yolo
from chainrule.data.formats.folders import TOP
from chainrule.data.formats.trees import plant
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("image", "boxes")


def read(
    path: Path,
    *,
    classes: Sequence[str] | None = None,
    group_pattern: str | None = None,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of images and labels anywhere below `path`, a folder or an archive.

    An image and a .txt file belong together that are called alike, in one folder or in images/… and labels/…. A line of
    it is the number of a class with middle, width and height of a box, or with the corners of an outline, which becomes
    the box around it; all in shares of the image's sides. An empty file says that nothing is there; an image without a
    file says nothing. classes: names of the numbers from 0 on; None: a data.yaml, classes.txt, obj.names or the like
    below `path` tells them. Parts are folders called train, val and test.

    `id` is the image's path below `path`. A row whose `problem` is image_without_annotation, annotation_without_image,
    unreadable_annotation, annotation_too_large or unknown_class has no use. Raises DataError for a path without labels
    or names of classes, and for two files of one name.
    """
    tree = plant(Path(path), section, "the folder of images and labels, or an archive of it (.zip, .tar.gz, …)")
    files, hidden = tree.below(TOP)
    images = [file for file in files if boxes.is_image(file)]
    tables = [file for file in files if yolo.is_table(file.name)]
    about = yolo.labels(files, images)
    if not about:
        raise DataError(
            f"{tree.path}: no image has a .txt file; expected {tree.path}/labels/a.txt with {tree.path}/images/a.jpg"
        )
    noted = {}
    if classes is None:
        readable = [file for file in tables if file.problem is None]
        content = {file.name.as_posix(): each for file, each in tree.contents(readable) if isinstance(each, bytes)}
        named = yolo.names(content)
        if named is None:
            raise DataError(
                f"{tree.path}: nothing names the classes; put a classes.txt there, a name a line, or set "
                f"{section}.classes to their names in order"
            )
        classes, noted = named[1], {f"classes named by {named[0]}": len(named[1])}
    known = tuple(classes)
    found = boxes.frame(
        tree,
        boxes.pairs(images, about),
        lambda _, content: yolo.told(content, known),
        official=None,
        group_pattern=group_pattern,
        section=section,
    )
    others = len(files) - len(about) - len(images) - len(tables)
    found.attrs |= {"hidden_files": hidden, "other_files": others}
    found.attrs["beside"][""] = tuple(table.origin for table in tables)
    found.attrs["noted"] = {**found.attrs.get("noted", {}), **noted}
    return found
