"""Sound files, in one folder per class, or named by their classes, with or without folders of train and test."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import class_folders, folders

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("audio", "label")


def read(
    path: Path,
    *,
    group_pattern: str | None,
    label_pattern: str | None = None,
    parts: Mapping[str, str] | None = None,
    section: str = "source",
) -> "pd.DataFrame":
    r"""Raw rows of class folders, archives and parts as the source `image_folder` reads them; one file is one sound.

    `audio` holds the bytes of a file. With `label_pattern`, a regular expression, there are no class folders: every
    file below `path` is a row, whose label is what its one group finds in the file's name, such as ^(\d+)_ in
    7_anna_12.wav; `problem` is "no_label" where it does not match. Parts are then those of `parts` alone. Files of
    other endings than those of sounds are "not_an_audio_file". Raises DataError as `image_folder` does.
    """
    return class_folders.read(
        Path(path),
        folders.SOUNDS,
        group_pattern=group_pattern,
        label_pattern=label_pattern,
        parts=parts,
        section=section,
    )
