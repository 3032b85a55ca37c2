"""Images and their masks: files of one name in two folders, or beside each other with another ending of the name."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from chainrule.data.formats import masks
from chainrule.data.formats.folders import IMAGES, TOP
from chainrule.data.formats.mask_names import Found, looked_at, pairs
from chainrule.data.formats.masks import Levels, Meaning
from chainrule.data.formats.naming import block_of
from chainrule.data.formats.trees import File, Tree, plant, printable
from chainrule.fields.mask import written
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("image", "mask")


def read(
    path: Path,
    *,
    images: str | None = None,
    masks_in: str | None = None,
    classes: Mapping[int, str] | Sequence[str] | None = None,
    colours: Mapping[str, str] | None = None,
    ignore: Sequence[int | str] | None = None,
    group_pattern: str | None = None,
    block: int | None = None,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of images and masks anywhere below `path`, a folder or an archive.

    Two files are a pair if they are called alike, but for the ending and for words that say which is the mask, in the
    same part and folder: path/images/a.jpg and path/masks/a.png; path/train/image/a.jpg and path/train/label/a.png;
    path/images/train/a.jpg and path/labels/train/a.png; a.jpg and a_mask.png. images, masks_in: names of the two
    folders where they are called otherwise. Parts are folders called train, validation and test by their usual names.

    What levels or colours of masks mean is said by `classes`, `colours` and `ignore` or found (`formats.masks`): a file
    of the source that names classes, such as class_dict.csv or codes.txt, else the levels that occur. attrs["noted"]
    says what was found. `mask` holds masks as `fields.mask` has them. `id` is the image's path below `path`; rows are
    sorted by it. A group is what the one group of `group_pattern` finds in the image's name; with `block` so many
    images with following numbers at the end of their names, as slices of one volume or frames of one film have; else
    the image's path without its ending.

    A row whose `problem` is image_without_mask, mask_without_image, two_masks, undecodable_name, broken_link,
    not_a_file, or what `formats.masks` finds wrong with the mask has no use. Hidden files and those that are no images
    are left out: attrs["hidden_files"], attrs["other_files"]. Raises DataError for a path without pairs.
    """
    import pandas as pd

    tree = plant(Path(path), section, "the folder of images and masks, or an archive of it (.zip, .tar, .tar.gz, …)")
    files, hidden = tree.below(TOP)
    shown = [file for file in files if IMAGES.fits(file.name.name) or file.problem]
    found = [looked_at(file, images, masks_in, section) for file in shown]
    both, lone = pairs(found)
    if not both:
        raise DataError(
            f"{tree.path}: no image has a mask; expected {tree.path}/images/a.jpg with {tree.path}/masks/a.png, or "
            f"a.jpg with a_mask.png; {section}.images and {section}.masks_in name folders that are called otherwise"
        )
    tables = {}
    if not classes and not colours:
        named = [file for file in files if masks.is_table(file.name.name) and file.problem is None]
        tables = {file.name.as_posix(): content for file, content in tree.contents(named) if isinstance(content, bytes)}
    noted: Counter[str] = Counter()
    if table := masks.found_table(tables):
        name, said = table
        colours, classes = (said, None) if isinstance(said, dict) else (colours, said)
        noted[f"classes named by {name}"] = len(said)
    readable = [mask.file for _, mask in both if mask.file.problem is None]
    told = masks.meaning(_levels(tree, readable), classes=classes, colours=colours, ignore=ignore, section=section)
    masks.refuse_many(told.classes)
    noted[f"masks: {', '.join(f'{name} {level}' for name, level in masks.facts(told).items())[:300]}"] = len(both)
    frame = _rows(tree, both, lone, told)
    frame["group"] = _groups(frame["id"].tolist(), group_pattern, block, section)
    if group_pattern is not None:
        frame["problem"] = frame["problem"].mask(frame["group"].isna() & frame["problem"].isna(), "no_group")
        frame["group"] = frame["group"].fillna(frame["id"])
    taken = Counter(f"{image.said} as {image.part}" for image, _ in both if image.part is not None)
    if set(frame["part"].dropna()) == {"train"}:  # a folder of all there is
        frame["part"], taken = pd.Series([None] * len(frame), dtype="str"), Counter()
    frame = frame.sort_values("id", ignore_index=True)
    frame.attrs |= {"hidden_files": hidden, "other_files": len(files) - len(shown) - len(tables), "noted": dict(noted)}
    frame.attrs |= {"parts": dict(taken)} if taken else {}
    beside: dict[str, tuple[str, ...]] = {image.file.origin: (mask.file.origin,) for image, mask in both}
    frame.attrs["beside"] = {**beside, "": tuple(tables)}
    return frame


def _levels(tree: Tree, files: Sequence[File]) -> Iterator[Levels]:
    """Yield the levels of each mask that can be read."""
    for _, content in tree.contents(files):
        if isinstance(content, bytes):
            try:
                yield masks.levels(content)
            except Reject:
                continue


def _rows(
    tree: Tree, both: Sequence[tuple[Found, Found]], lone: Sequence[tuple[Found, str]], told: Meaning
) -> "pd.DataFrame":
    import pandas as pd

    wanted = [each.file for pair in both for each in pair if each.file.problem is None]
    content = dict(tree.contents(wanted))
    columns: dict[str, list[object]] = {name: [] for name in ("id", "image", "mask", "part", "origin", "problem")}

    def add(found: Found, image: bytes, mask: str | None, problem: str | None) -> None:
        columns["id"].append(printable(found.file.name.as_posix()))
        columns["image"].append(image)
        columns["mask"].append(mask)
        columns["part"].append(found.part)
        columns["origin"].append(found.file.origin)
        columns["problem"].append(problem)

    for image, own in both:
        shown, drawn = content.pop(image.file, b""), content.pop(own.file, b"")
        faults = [image.file.problem, own.file.problem, *(each for each in (shown, drawn) if isinstance(each, str))]
        mask, problem = None, next((fault for fault in faults if fault), None)
        if problem is None and isinstance(drawn, bytes):
            try:
                mask = written(masks.places(masks.levels(drawn), told), told.classes, told.colours)
            except Reject as reject:
                problem = f"{reject.reason}: {reject.detail}"
        add(image, shown if isinstance(shown, bytes) else b"", mask, problem)
    for each, why in lone:
        add(each, b"", None, each.file.problem or why)
    return pd.DataFrame(
        {name: pd.Series(values, dtype=object if name == "image" else "str") for name, values in columns.items()}
    )


def _groups(ids: Sequence[str], pattern: str | None, block: int | None, section: str) -> "pd.Series[str]":
    """Return what each image belongs to; None where a pattern does not match."""
    import pandas as pd

    if pattern is not None:
        compiled = re.compile(pattern)
        if compiled.groups != 1:
            raise DataError(
                f"{section}.group_pattern {pattern!r}: has {compiled.groups} groups; put ( ) around one part"
            )
        matches = [compiled.search(PurePosixPath(name).name) for name in ids]
        return pd.Series([match.group(1) if match else None for match in matches], dtype="str")
    plain = [name.removesuffix(PurePosixPath(name).suffix) for name in ids]
    if block is None:
        return pd.Series(plain, dtype="str")
    return pd.Series([block_of(name, block) for name in plain], dtype="str")
