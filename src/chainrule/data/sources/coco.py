"""Images and boxes as COCO has them: a JSON file about all images, or one for each part."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from chainrule.data.formats import boxes, coco
from chainrule.data.formats.folders import TOP
from chainrule.data.formats.trees import File, Tree, plant
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("image", "boxes")


def read(
    path: Path,
    *,
    files: Mapping[str, str] | None = None,
    classes: Sequence[str] | None = None,
    group_pattern: str | None = None,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of the images that JSON files with images, annotations and categories tell of, anywhere below `path`.

    files: the JSON file of each part, or of "all"; None: those that are of this form, their part told by their names,
    as instances_train2017.json, or their folders, as train/_annotations.coco.json. An image is found by its file_name
    wherever it lies; of several in the folder that is called after the part, or beside the JSON file. A box with
    iscrowd is marked as a crowd. An image without annotations has nothing in it. classes: those that there may be;
    None: any.

    `id` is the image's path below `path`. A row whose `problem` is image_without_annotation (no file tells of it),
    annotation_without_image, several_images, unreadable_annotation or unknown_class has no use. Raises DataError for a
    path without such a file, one of which ids do not fit, or an image that two parts tell of.
    """
    tree = plant(Path(path), section, "the folder of images and JSON files, or an archive of it (.zip, .tar.gz, …)")
    every, hidden = tree.below(TOP)
    shown = [file for file in every if boxes.is_image(file)]
    found = _parts(tree, every, files, section)
    by_name: dict[str, list[File]] = {}
    for file in shown:
        by_name.setdefault(file.name.name, []).append(file)
    told: dict[File, tuple[boxes.Told, str | None]] = {}
    rows: list[dict[str, Any]] = []
    for about, part, content in found:
        for image in coco.images(content, about.origin, classes):
            shows, problem = _file(image.file_name, about, part, by_name)
            if shows is None:
                lone = File(
                    about.name.parent / PurePosixPath(image.file_name).name, f"{about.origin}: {image.file_name}"
                )
                rows.append(boxes.row(lone, b"", None, problem))
            elif shows in told:
                raise DataError(f"{about.origin}: tells of {shows.origin}, as another entry does; an image has one")
            else:
                told[shows] = (image.told, part)
    wanted = [file for file in shown if file.problem is None and file in told]
    contents = dict(tree.contents(wanted))
    for file in shown:
        own: boxes.Told | None = told[file][0] if file in told else None
        problem = file.problem or (None if file in told else "image_without_annotation")
        shown_as = contents.pop(file, b"")
        if isinstance(shown_as, str):
            problem, shown_as = shown_as, b""
        rows.append(boxes.row(file, shown_as, None if problem else own, problem))
    of_part = {file.name: part for file, (_, part) in told.items() if part is not None}
    if set(of_part.values()) == {"train"}:  # all there is
        of_part = {}
    frame = boxes.framed(tree, rows, official=None, group_pattern=group_pattern, section=section, of_part=of_part)
    frame.attrs["beside"] = {"": tuple(about.origin for about, _, _ in found)}
    frame.attrs |= {"hidden_files": hidden, "other_files": len(every) - len(shown) - len(found)}
    return frame


def _parts(
    tree: Tree, every: Sequence[File], files: Mapping[str, str] | None, section: str
) -> list[tuple[File, str | None, dict[str, Any]]]:
    """Return each JSON file with its part (None: to be split) and its content."""
    wanted = {name: part for part, name in files.items()} if files else None
    asked = sorted(file for file in every if file.name.suffix.lower() == ".json" and file.problem is None)
    if wanted is not None:
        asked = [file for file in asked if file.name.as_posix() in wanted]
        if missing := sorted(set(wanted) - {file.name.as_posix() for file in asked}):
            raise DataError(f"{tree.path / missing[0]}: missing; put the file there or correct {section}.files")
    found = []
    for file, content in tree.contents(asked):
        own = coco.parsed(content) if isinstance(content, bytes) else None
        if own is None:
            if wanted is not None:
                raise DataError(f"{file.origin}: no JSON object with lists of images, annotations and categories")
            continue
        part = wanted[file.name.as_posix()] if wanted is not None else coco.part(file) if section == "source" else None
        found.append((file, None if part == "all" else part, own))
    if not found:
        raise DataError(f"{tree.path}: holds no JSON file with images, annotations and categories, as COCO's are")
    parts = [part for _, part, _ in found]
    if len(found) > 1 and len(set(parts)) < len(found) and wanted is None:
        names = ", ".join(file.name.as_posix() for file, _, _ in found[:4])
        raise DataError(
            f"{tree.path}: which part are {names}? Say it in {section}.files, such as train: {found[0][0].name}"
        )
    return found


def _file(
    name: str, about: File, part: str | None, by_name: Mapping[str, Sequence[File]]
) -> tuple[File | None, str | None]:
    """Return the image that a file_name means, or why there is none."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    found = [file for file in by_name.get(parts[-1] if parts else "", []) if file.name.parts[-len(parts) :] == parts]
    found = found or list(by_name.get(parts[-1] if parts else "", []))
    for better in (
        [file for file in found if file.name.parent == about.name.parent],
        [file for file in found if part is not None and boxes.part(file.name)[0] == part],
    ):
        found = better if len(found) > 1 and better else found
    if len(found) == 1:
        return found[0], None
    if not found:
        return None, coco.STRANGER
    return None, f"several_images: {', '.join(file.origin for file in found[:3])}"
