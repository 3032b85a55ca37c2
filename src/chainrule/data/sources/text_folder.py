"""Folders of text files, one per class (such as aclImdb or 20 Newsgroups), with or without folders of parts."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import class_folders, folders
from chainrule.data.formats import text as encodings

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("text", "label")


def read(
    path: Path,
    *,
    group_pattern: str | None,
    parts: Mapping[str, str] | None = None,
    encoding: str | None = None,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of class folders, archives and parts as the source `image_folder` reads them; one file is one text.

    `text` holds the text of a file in UTF-8. `encoding` is that of all files; None: it is found for each that is marked
    or UTF-8, and for the others together; attrs["encodings"] counts files by it. `problem` is "not_a_text_file" where
    the ending or the content is of something else, and "undecodable_text" where bytes are not in the encoding or that
    is in doubt. Raises DataError as `image_folder` does.
    """
    rows = class_folders.read(Path(path), folders.TEXTS, group_pattern=group_pattern, parts=parts, section=section)
    there = rows.index[rows["problem"].isna()]
    found, used = encodings.documents(
        dict(zip(rows["id"][there], rows["text"][there], strict=True)), encoding, f"{section}.encoding"
    )
    rows.loc[there, "text"] = [each.text for each in found]
    rows.loc[there, "problem"] = [each.problem for each in found]
    rows.attrs["encodings"] = dict(used)
    return rows
