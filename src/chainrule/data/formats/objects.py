"""JSON objects as rows of a table: one per line (JSON Lines), or a list of them."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.data.formats import text as encodings
from chainrule.data.formats.tables import Row, Table, refuse_wide
from chainrule.fields.names import tidy
from chainrule.system.errors import DataError

MOST_INNER = 1000
"""Columns of what objects hold within others at most."""
_BLANK = re.compile(r"[ \t\r\n]*")
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")


class Found(NamedTuple):
    """What a line, or an entry of the list, holds: where it begins, the value, and what is wrong with it."""

    line: int
    value: Any
    whole: str
    fault: str


def tables(files: Sequence[Path], *, encoding: str | None, section: str) -> list[Table]:
    """Return the table of each file, with a column for each name that an object has; what one lacks is null in it.

    What an object holds within another has a column of its own as well: `review.text`.

    A line is at fault as "broken_json", "not_json" (NaN and infinities, which JSON does not have), "not_an_object",
    "repeated_name" or "undecodable_text"; empty lines are noted. Raises DataError as `text.decoded` does, for a list
    that is not JSON, and for more names than a table has columns.
    """
    contents = {str(file): encodings.content(file, section) for file in files}
    decoded: Mapping[str, encodings.Text] = encodings.decoded(contents, encoding, f"{section}.encoding")
    contents.clear()
    return [_table(Path(name), *text, section) for name, text in decoded.items()]


def _table(path: Path, text: str, encoding: str, section: str) -> Table:
    noted: Counter[str] = Counter()
    names: dict[str, None] = {}
    inner: dict[str, Sequence[str]] = {}
    for found in _entries(path, text, Counter()):
        if not found.fault:
            names.update(dict.fromkeys(found.value))
            refuse_wide(path, len(names))
            if len(inner) <= MOST_INNER:
                inner.update(_inner(found.value))
    if not names:
        raise DataError(f"{path}: holds no JSON object, one on each line or all in a list; is it JSON Lines?")
    places: dict[str, Sequence[str]] = {name: (name,) for name in names}
    if len(inner) <= MOST_INNER:  # of more, names are values: an object by user, say
        places = {**inner, **places}
        places = {name: places[name] for name in [*names, *inner]}
    titles = [tidy(name) for name in places]

    def rows(_: Sequence[int]) -> Iterator[Row]:
        for line, value, whole, fault in _entries(path, text, noted):
            cells = None if fault else [_within(value, place) for place in places.values()]
            yield Row(line, cells, whole, fault, sys.maxsize)

    return Table(path, section, titles, len(titles), rows, None, True, encoding, False, noted)


def _inner(value: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the values of objects in an object, by the names that lead there: review.text is text in review.

    What names a file, {"path": …, "bytes": …}, is a value itself.
    """
    for name, own in value.items():
        place = (*above, name)
        if isinstance(own, dict) and not {*own} <= {"path", "bytes"}:
            yield from _inner(own, place)
        elif above and not isinstance(own, list):
            yield ".".join(place), place


def _within(value: Any, place: Sequence[str]) -> Any:
    for name in place:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _entries(path: Path, text: str, noted: Counter[str]) -> Iterator[Found]:
    begin = _end_of_blank(text, 0)
    reader = _Reader(_ESCAPED_HALF.search(text) is not None or _HALF.search(text) is not None)
    return _of_list(path, text, begin + 1, reader) if text[begin : begin + 1] == "[" else _of_lines(text, reader, noted)


def _end_of_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


class _Reader:
    """Reads JSON strictly; `halves`: whether texts may hold what is no character."""

    def __init__(self, halves: bool) -> None:
        self.halves = halves
        self.constants: list[str] = []
        self.repeated: list[str] = []
        self.decoder = json.JSONDecoder(parse_constant=self._constant, object_pairs_hook=self._pairs)

    def _constant(self, name: str) -> None:
        self.constants.append(name)

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            self.repeated.append(Counter(name for name, _ in pairs).most_common(1)[0][0])
        return found

    def read(self, text: str, at: int) -> tuple[Any, int, str]:
        """Return the value that begins at a place of a text, where it ends, and what is wrong with it.

        Raises ValueError and RecursionError where it is not JSON.
        """
        self.constants.clear()
        self.repeated.clear()
        value, end = self.decoder.raw_decode(text, at)
        if self.constants:
            return value, end, f"not_json: JSON has no {self.constants[0]}; write null"
        if not isinstance(value, dict):
            return value, end, f"not_an_object: {type(value).__name__} where names with values are needed"
        if self.repeated:
            return value, end, f"repeated_name: {self.repeated[0]!r} has two values"
        if self.halves and _HALF.search(json.dumps(value, ensure_ascii=False)):
            return value, end, "undecodable_text: bytes or halves of signs that are no characters"
        return value, end, ""


def _of_lines(text: str, reader: _Reader, noted: Counter[str]) -> Iterator[Found]:
    at = number = 0
    while at < len(text):
        end = text.find("\n", at) + 1 or len(text)
        line, at, number = text[at:end], end, number + 1
        whole = line.rstrip("\r\n")
        begin = _end_of_blank(line, 0)
        if begin == len(line):
            noted["empty_lines"] += 1
            continue
        value: Any = None
        try:
            value, end, fault = reader.read(line, begin)
            if not fault and (rest := _end_of_blank(line, end)) < len(line):
                fault = f"broken_json: more behind the object, at column {rest + 1}"
        except json.JSONDecodeError as error:
            fault = f"broken_json: {error.msg} at column {error.colno}"
        except (ValueError, RecursionError) as error:
            fault = f"broken_json: {str(error)[:80]}"
        yield Found(number, value, whole if fault else "", fault)


def _of_list(path: Path, text: str, at: int, reader: _Reader) -> Iterator[Found]:
    """Yield the entries of a list; DataError where it is not JSON, since nothing tells where the next would begin."""
    line, counted = 1, 0
    at = _end_of_blank(text, at)
    try:
        while text[at : at + 1] != "]":
            line, counted = line + text.count("\n", counted, at), at
            value, end, fault = reader.read(text, at)
            yield Found(line, value, text[at:end] if fault else "", fault)
            at = _end_of_blank(text, end)
            if text[at : at + 1] == ",":
                at = _end_of_blank(text, at + 1)
            elif text[at : at + 1] != "]":
                raise json.JSONDecodeError("',' or ']' is missing", text, at)
        if (rest := _end_of_blank(text, at + 1)) < len(text):
            raise json.JSONDecodeError("more behind the list", text, rest)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON ({error.msg} at column {error.colno}); mend it") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}:{line}: not JSON that can be read ({str(error)[:80]}); mend it") from None
