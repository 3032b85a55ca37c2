"""SQuAD's JSON: articles of passages, each with questions and the right answers to them, of version 1.1 or 2."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data.formats import answers, naming
from chainrule.data.formats import text as encodings
from chainrule.fields.names import tidy
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".json",)
_HALF = re.compile("[\ud800-\udfff]")
_COLUMNS = ("id", "group", "question", "context", "answers", "part", "origin", "problem")
_Row = tuple[Any, ...]


def read(
    path: Path, *, fields: Sequence[Field], files: Mapping[str, str] | None = None, section: str = "source"
) -> "pd.DataFrame":
    """Raw rows of the files in the directory `path`, or of the file `path`, one for each question, in their order.

    {"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers": [{"text", "answer_start"}],
    "is_impossible"}]}]}]}. `group` is the article's title, so that a split keeps articles whole; `id` is "<part>/
    <article>/<paragraph>/<question>", counted from 1; `origin` names the file and the question's own id. A question
    that is_impossible has no answer (an empty list), one that has no answers and does not say so no target. A question
    that cannot be read is a row with the `problem` "not_a_question" or "undecodable_text", a paragraph one with
    "not_a_paragraph".

    `files` maps "train", "validation", "test", "unlabelled" or "all" (not split yet: `part` is None) to a file name;
    None: the names say it, and attrs["parts"] counts rows by what was taken for which. Raises DataError for a file that
    is not there, is no JSON or not of this form.
    """
    import pandas as pd

    found = naming.files(Path(path), files, section, _fitting, "train.json", sorted(naming.PARTS))
    records: list[_Row] = []
    parts: Counter[str] = Counter()
    for part, place in found.items():
        official = None if part == "all" else part
        own = list(_rows(place, _articles(place, section), part, official))
        records += own
        if files is None and official:
            parts[f"{place.name} as {official}"] += len(own)
    columns = zip(_COLUMNS, zip(*records, strict=True) if records else [[]] * len(_COLUMNS), strict=True)
    inputs = ("question", "context")
    frame = pd.DataFrame({name: pd.Series(own, dtype=object if name in inputs else "str") for name, own in columns})
    frame.attrs = {"parts": dict(parts)} if parts else {}
    return frame


def _fitting(names: Collection[str]) -> list[str]:
    return [name for name in names if name.lower().endswith(ENDINGS)]


def _articles(path: Path, section: str) -> list[Any]:
    """Return the articles of a file; DataError where it is no JSON of this form."""
    text, _ = encodings.decoded({str(path): encodings.content(path, section)}, None, f"{section}.path")[str(path)]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({' '.join(str(error).split())[:120]}); mend it") from None
    articles = found.get("data") if isinstance(found, dict) else None
    if not isinstance(articles, list) or not articles:
        raise DataError(f'{path}: not of SQuAD\'s form, an object with a list of articles, {{"data": [...]}}')
    return articles


def _rows(path: Path, articles: Sequence[Any], part: str, official: str | None) -> Iterator[_Row]:
    for article, each in enumerate(articles, 1):
        told = each if isinstance(each, dict) else {}
        title, paragraphs = told.get("title"), told.get("paragraphs")
        group = tidy(title) if isinstance(title, str) and not _HALF.search(title) else ""
        group = group or f"{path.name} article {article}"
        for number, paragraph in enumerate(paragraphs if isinstance(paragraphs, list) else [None], 1):
            before, origin = f"{part}/{article:05d}/{number:04d}", f"{path.name} article {article} paragraph {number}"
            problem = _of_paragraph(paragraph)
            if problem is not None:
                yield f"{before}/0000", group, b"", b"", None, official, origin, problem
                continue
            context = _bytes(paragraph["context"])
            for place, asked in enumerate(paragraph["qas"], 1):
                own = asked if isinstance(asked, dict) else {}
                question, value, problem = _asked(own, paragraph["context"])
                name = str(own.get("id") or f"question {place}").encode("ascii", "backslashreplace").decode()
                where = f"{path.name}:{name}"
                yield f"{before}/{place:04d}", group, question, context, value, official, where, problem


def _of_paragraph(found: Any) -> str | None:
    if not isinstance(found, dict) or not isinstance(found.get("context"), str):
        return "not_a_paragraph: an object with a context is needed"
    if not isinstance(found.get("qas"), list):
        return "not_a_paragraph: a list of questions, qas, is needed"
    return None


def _asked(found: Mapping[str, Any], context: str) -> tuple[bytes, str | None, str | None]:
    """Return the question, its answers and the problem of the row."""
    question = found.get("question")
    if not isinstance(question, str):
        return b"", None, "not_a_question: an object with a question is needed"
    problem = "undecodable_text: halves of signs that are no characters" if _HALF.search(question + context) else None
    if found.get("is_impossible") is True:
        return _bytes(question), "[]", problem
    given = found.get("answers")
    value, fault = (None, None) if given in (None, [], {}) else answers.read(given)
    return _bytes(question), value, problem or fault


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
