"""Questions about images in JSON beside the images: triples, objects, or questions and annotations as VQA has them."""

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.data.formats.folders import IMAGES, TOP, part_of
from chainrule.data.formats.tables import short
from chainrule.data.formats.trees import File, Tree, plant, printable
from chainrule.fields.names import tidy
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("image", "text", "label")
SECTION = "source"
"""The block of params.yaml that messages name; no batch is read like this."""
_HALF = re.compile("[\ud800-\udfff]")
_ANSWERS = "answers.txt"
_NAMES = {
    "text": ("question", "text", "caption", "sentence"),
    "label": ("answer", "label", "multiple_choice_answer"),
    "image": ("image", "image_filename", "image_id", "img", "img_id"),
}
"""How objects call what they hold, the first that is there."""


class Asked(NamedTuple):
    """A question as its file has it, with the number of its place there, from 1."""

    number: int
    text: Any
    label: Any
    image: Any


def read(path: Path, *, files: Mapping[str, str] | None = None) -> "pd.DataFrame":
    """Raw rows of the questions about images below `path`, a folder or an archive, one for each question.

    A JSON file holds a list of [question, answer, image] or of {"question", "answer", "image"} (or as CLEVR calls it
    "image_filename"), the list itself or under "questions"; or, as VQA has it, questions with "image_id" and
    "question_id" in one file and under "annotations" their answers by "question_id" in another
    ("multiple_choice_answer", else the commonest of "answers"). An image is named by its file, or by its number, which
    ends the name of its file; of several the one nearest to the JSON counts. A file answers.txt, a line each, closes
    the set of answers.

    Folders and files called train, validation and test by their usual names are parts; `files` maps "train",
    "validation", "test", "unlabelled" or "all" to a JSON file below path instead. `id` is "<part>/<file>/<place>",
    `group` the image, so that a split never tears its questions apart. A row whose `problem` is not_a_question,
    undecodable_text, unknown_image, unknown_label, or what is wrong with the image's file has no use; a question
    without an image, and an image without a question, is none. attrs["unnamed_images"]: how many images no question
    names. Raises DataError for a path without questions, and for a file that is no JSON of these forms.
    """
    import pandas as pd

    tree = plant(Path(path), SECTION, "the folder of images and questions, or an archive of it (.zip, .tar.gz, …)")
    found, hidden = tree.below(TOP)
    images = _Images([file for file in found if IMAGES.fits(file.name.name)])
    contents = _texts(tree, found)
    answers = _answers(contents)
    records: list[tuple[Any, ...]] = []
    parts: Counter[str] = Counter()
    used: set[File] = set()
    for part, name, asked in _by_part(contents, files, tree.path):
        own = [_row(each, name, part, images, answers) for each in asked]
        records += own
        used |= {row[2] for row in own if isinstance(row[2], File)}
        if part is not None:
            parts[f"{name} as {part}"] += len(own)
    held = dict(tree.contents([file for file in used if file.problem is None]))
    columns = ("id", "group", "image", "text", "label", "part", "origin", "problem")
    rows = [_filled(row, held) for row in records]
    made = zip(columns, zip(*rows, strict=True) if rows else [[]] * len(columns), strict=True)
    frame = pd.DataFrame(
        {name: pd.Series(own, dtype=object if name in ("image", "text") else "str") for name, own in made}
    )
    frame.attrs = {"hidden_files": hidden, "unnamed_images": len(images.files) - len(used)}
    frame.attrs |= {"parts": dict(parts)} if parts else {}
    return frame


# ---- files


def _texts(tree: Tree, found: Sequence[File]) -> dict[str, bytes]:
    """Return what JSON files and the list of answers hold, by name, in the order of their names."""
    wanted = [file for file in found if file.name.suffix.lower() == ".json" or file.name.name == _ANSWERS]
    read = {
        file.name.as_posix(): content
        for file, content in tree.contents([file for file in wanted if file.problem is None])
        if isinstance(content, bytes)
    }
    return dict(sorted(read.items()))


def _answers(contents: Mapping[str, bytes]) -> frozenset[str] | None:
    """Return the answers that a list closes the set of; None where there is no list."""
    lists = [content for name, content in contents.items() if PurePosixPath(name).name == _ANSWERS]
    if not lists:
        return None
    return frozenset(
        filter(None, (tidy(line) for each in lists for line in each.decode("utf-8", "replace").split("\n")))
    )


def _by_part(
    contents: Mapping[str, bytes], files: Mapping[str, str] | None, path: Path
) -> Iterator[tuple[str | None, str, list[Asked]]]:
    """Yield the part, the name and the questions of each file."""
    loaded = {name: _loaded(path, name, content) for name, content in contents.items() if name.endswith(".json")}
    told = {name: _annotated(found) for name, found in loaded.items()}
    asked = {name: found for name, found in loaded.items() if told[name] is None}
    if files is not None:
        if missing := next((name for name in files.values() if name not in asked), None):
            there = ", ".join(list(asked)[:5]) or "no JSON"
            raise DataError(f"{path}: has no questions in {missing!r}; {SECTION}.files may name {there}")
        asked = {name: asked[name] for name in files.values()}
    if not asked:
        needed = '[["what is it?", "a dog", "dog.png"], …] or a list of {"question", "answer", "image"}'
        raise DataError(f"{path}: no JSON file with questions; {needed} is needed, beside the images")
    parts = {name: part for part, name in (files or {}).items()}
    for name, found in asked.items():
        part = parts.get(name, _part(name))
        by_question = {key: value for each in told.values() if each is not None for key, value in each.items()}
        yield None if part == "all" else part, name, list(_asked(path, name, found, by_question))


def _part(name: str) -> str | None:
    """Return the part that a path names in one of its folders, in the name of its file, or in a word of that."""
    *folders, file = PurePosixPath(name).with_suffix("").parts
    words = [word.rstrip("0123456789") for word in re.split(r"[\W_]+", file)]
    return next((part for each in (*reversed(folders), file, *words) if (part := part_of(each))), None)


def _loaded(path: Path, name: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path / name}: not JSON ({' '.join(str(error).split())[:120]}); mend it") from None


def _annotated(found: Any) -> dict[Any, str | None] | None:
    """Return the answers by question of a file of VQA's annotations; None of any other."""
    if not isinstance(found, dict) or not isinstance(found.get("annotations"), list):
        return None
    told = [each for each in found["annotations"] if isinstance(each, dict)]
    return {str(each.get("question_id")): _commonest(each) for each in told}


def _commonest(annotation: Mapping[str, Any]) -> str | None:
    """Return the answer of an annotation: the one that is said to be it, else the one most people gave."""
    if isinstance(annotation.get("multiple_choice_answer"), str):
        return str(annotation["multiple_choice_answer"])
    given = [each.get("answer") if isinstance(each, dict) else each for each in annotation.get("answers") or []]
    counted = Counter(each for each in given if isinstance(each, str)).most_common(1)
    return counted[0][0] if counted else None


def _asked(path: Path, name: str, found: Any, told: Mapping[Any, str | None]) -> Iterator[Asked]:
    """Yield the questions of a file; DataError where it holds none."""
    listed = found.get("questions") if isinstance(found, dict) else found
    if not isinstance(listed, list):
        raise DataError(f"{path / name}: a list of questions is needed, or an object with one under questions")
    for number, each in enumerate(listed, 1):
        if isinstance(each, list) and len(each) == 3:
            yield Asked(number, *each)
        elif isinstance(each, dict):
            text, label, image = (next((each[key] for key in names if key in each), None) for names in _NAMES.values())
            yield Asked(number, text, told.get(str(each.get("question_id"))) if label is None else label, image)
        else:
            yield Asked(number, [each], None, None)  # a text alone is no question either


# ---- images


class _Images:
    """The images of a tree, to be found by the names or numbers that questions call them by."""

    def __init__(self, files: Sequence[File]) -> None:
        self.files = files
        self._known: dict[str, list[File]] = defaultdict(list)
        for file in files:
            stem = file.name.stem
            number = re.search(r"\d+$", stem)
            for key in {file.name.as_posix(), file.name.name, stem, number[0].lstrip("0") or "0" if number else stem}:
                self._known[key].append(file)

    def named(self, called: Any, beside: PurePosixPath) -> File | None:
        """Return the image that is called so, of several the one that shares most folders with a file beside it."""
        key = str(called).replace("\\", "/").strip().lstrip("./") if not isinstance(called, bool) else ""
        inside = beside.parent / key
        candidates = self._known.get(inside.as_posix()) or self._known.get(key) or []
        if not candidates and "/" in key:
            candidates = [file for file in self._known.get(PurePosixPath(key).name, []) if file.name.match(f"*/{key}")]
        return max(candidates, key=lambda file: _shared(file.name, beside), default=None)


def _shared(one: PurePosixPath, other: PurePosixPath) -> int:
    """Return how many folders two paths begin with together; those of one part go before others."""
    return len(PurePosixPath(os.path.commonpath(["/" / one, "/" / other])).parts)


# ---- rows


def _row(asked: Asked, name: str, part: str | None, images: _Images, answers: frozenset[str] | None) -> tuple[Any, ...]:
    """Return id, group, the image's file (or nothing), text, label, part, origin and problem of a question."""
    own = f"{part or 'all'}/{name}/{asked.number:06d}"
    problem, file, text, label = None, None, b"", None
    if asked.image not in (None, ""):
        file = images.named(asked.image, PurePosixPath(name))
        if file is None:
            problem = f"unknown_image: {short(str(asked.image))!r} is no image here"
        elif file.problem is not None:
            problem, file = file.problem, None
    if isinstance(asked.text, str):
        text = asked.text.encode("utf-8", "replace")
        if _HALF.search(asked.text):
            problem = "undecodable_text: halves of signs that are no characters"
    elif asked.text is not None:
        problem = "not_a_question: a text is needed, in an object or in [question, answer, image]"
    if isinstance(asked.label, str | int) and not isinstance(asked.label, bool):
        label = tidy(str(asked.label).encode("utf-8", "replace").decode()) or None
    elif asked.label is not None:
        problem = problem or "unreadable_label: a text or a number is needed"
    if label is not None and answers is not None and label not in answers:
        problem = problem or f"unknown_label: {short(label)!r} is not in {_ANSWERS}"
    group = printable(file.name.as_posix()) if file is not None else own
    return own, group, file, text, label, part, f"{name}:{asked.number}", problem


def _filled(row: tuple[Any, ...], held: Mapping[File, bytes | str]) -> tuple[Any, ...]:
    """Return a row with the content of its image; rows of one image share it."""
    name, group, file, *rest, problem = row
    content = held.get(file) if file is not None else b""
    if isinstance(content, str):
        return name, group, b"", *rest, problem or content
    return name, group, content, *rest, problem
