"""Folders of image files, one per class, with or without folders of train and test above or below them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import class_folders, folders

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("image", "label")


def read(
    path: Path,
    *,
    group_pattern: str | None,
    label_pattern: str | None = None,
    parts: Mapping[str, str] | None = None,
    block: int | None = None,
    section: str = "source",
) -> "pd.DataFrame":
    r"""Raw rows of path/<class>/*; of path/<part>/<class>/* or path/<class>/<part>/* where folders are parts.

    `path` may be an archive (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz, .tar.zst) of such folders, or a folder of several:
    each is then a folder called like it, such as train.tar.gz. They are read as streams; a folder in which an archive
    has all of its content is passed over.

    Parts are train, validation and test by their usual names (`folders.part_of`); without them `part` is None. Files of
    a folder called unlabelled, beside parts or classes, have no label and are of that part. `parts` maps parts to
    official lists, text files in `path` that name files (`part_lists.by_list`); folders are then classes, files that no
    list names have no part, and attrs["unmatched_lines"] counts lines that name no file. attrs["parts"] says what was
    taken for which. `label` is the name of the class folder, `image` the bytes of the file, `id` its path below
    `path`; rows are sorted by id. Files in folders below a class are of that class. A group is what the one group of
    the regular expression `group_pattern` finds in the file name, for example the person; without a pattern it is the
    path without its ending, so that only a.jpg and a.png of one folder belong together, and with `block` so many files
    with following numbers in their names, of whatever class: as a camera numbers what it takes in one sitting.

    With `label_pattern`, a regular expression, there are no class folders: every file below `path` is a row, whose
    label is what its one group finds in the file's name, such as ^([a-z]+)\.\d in cat.12.jpg; `problem` is "no_label"
    where it does not match. Parts are then those of `parts` alone.

    Hidden files and folders, and loose files beside the class folders, are left out: attrs["hidden_files"] and
    attrs["loose_files"] say how many; attrs["nested_files"] says how many rows come from folders below a class. Any
    other file is a row; `problem` is "undecodable_name" where its path is not UTF-8 (the id shows the bytes),
    "broken_link", "not_a_file" (a link to a folder, a pipe), "not_an_image_file" where the ending is not one of an
    image (none of these is read), "damaged_in_archive", and "no_group" where the pattern does not match.

    section: the block of params.yaml that messages name; in a batch ("incoming") the folders are the classes, there
    are no parts. Raises DataError for a missing or empty folder, where folders may be parts or classes, and for an
    archive that is not to be trusted (`archives.members`).
    """
    return class_folders.read(
        Path(path),
        folders.IMAGES,
        group_pattern=group_pattern,
        label_pattern=label_pattern,
        parts=parts,
        block=block,
        section=section,
    )
