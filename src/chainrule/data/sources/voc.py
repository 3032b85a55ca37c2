"""Images and boxes as Pascal VOC has them: an XML file about each image, and lists of the parts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import boxes, voc
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
    parts: Mapping[str, str] | None = None,
    group_pattern: str | None = None,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of images and annotations anywhere below `path`, a folder or an archive.

    An image and a .xml file belong together that are called alike, in one folder or in two that are called
    JPEGImages or images and Annotations or labels. Parts are what `parts` says (part: path of a list), else the lists
    train, val and test in ImageSets/Main, else what folders are called. Corners are taken as they are written: the
    pixel by which VOC's own begin at 1 is left as it is. A box that is difficult need not be found. classes: those that
    there may be; None: any.

    `id` is the image's path below `path`. A row whose `problem` is image_without_annotation, annotation_without_image,
    unreadable_annotation, annotation_too_large, declared_annotation or unknown_class has no use. Raises DataError for a
    path without annotations, and for two files of one name.
    """
    tree = plant(Path(path), section, "the folder of images and annotations, or an archive of it (.zip, .tar.gz, …)")
    files, hidden = tree.below(TOP)
    about = [file for file in files if file.name.suffix.lower() == ".xml"]
    images = [file for file in files if boxes.is_image(file)]
    if not about:
        raise DataError(
            f"{tree.path}: holds no .xml file; expected {tree.path}/Annotations/a.xml with {tree.path}/JPEGImages/a.jpg"
        )
    official = parts or (boxes.lists(files) if section == "source" else {})
    found = boxes.frame(
        tree,
        boxes.pairs(images, about),
        lambda _, content: voc.told(content, classes),
        official=official,
        group_pattern=group_pattern,
        section=section,
    )
    others = len(files) - len(about) - len(images) - len(official)
    found.attrs |= {"hidden_files": hidden, "other_files": others}
    return found
