"""Mistakes in params.yaml: what pydantic finds, in the words of the file, each with the nearest valid name."""

import datetime
import difflib
import math
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from chainrule.recipes.file import at

LONGEST = 80
"""Characters of a value that a line shows."""


class Mistake(NamedTuple):
    """One mistake: where, what was found, what is allowed, and the nearest valid name."""

    path: str
    found: str
    allowed: str
    nearest: str | None = None

    def __str__(self) -> str:
        """Return the mistake as one line."""
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.path}: found {self.found}; {self.allowed}{hint}"


def typed(model: type[BaseModel], value: Any, path: str) -> Iterator[Mistake]:
    """Yield what does not fit a model in one block."""
    if not isinstance(value, dict):
        keys = ", ".join(model.model_fields)
        yield Mistake(path, _shown(value), f"a block is needed with {keys}")
        return
    try:
        model.model_validate(value)
    except ValidationError as error:
        yield from _together(_mistake(model, finding, value, path) for finding in error.errors(include_url=False))


def unknown(found: Any, known: Collection[str], path: str, also: dict[str, str] | None = None) -> Iterator[Mistake]:
    """Yield a mistake if a name is not known; also: other names that the known ones go by elsewhere."""
    if found not in known:
        meant = (also or {}).get(_plain(str(found))) or nearest(str(found), known)
        yield Mistake(path, _shown(found), f"one of {', '.join(known)} is needed", meant)


def nearest(found: str, known: Collection[str]) -> str | None:
    """Return the known name most like `found`: also by its beginnings (lr → learning_rate), or None."""
    wanted = _plain(found)
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.6)
    initials: Callable[[str], str] = lambda name: "".join(word[0] for word in name.split("_"))  # noqa: E731
    begun = [each for each in known if initials(each) == wanted or (wanted and each.startswith(wanted))]
    return next(iter([*close, *begun]), None)


def _plain(found: str) -> str:
    return found.strip().lower().replace("-", "_").replace(" ", "_")


def _mistake(model: type[BaseModel], finding: Any, value: dict[Any, Any], path: str) -> Mistake:
    place = _place(value, finding)
    where = ".".join([path, *map(str, place)]).strip(".")
    model = _innermost(model, finding["loc"][:-1])
    if finding["type"] == "extra_forbidden":
        known = list(model.model_fields)
        allowed = f"unknown key; known here: {', '.join(known)}" if known else "unknown key; there are no options here"
        return Mistake(where, _shown(finding["input"]), allowed, nearest(str(place[-1]), known))
    field = model.model_fields.get(str(place[-1])) if place else None
    said = field.description if field and field.description else "a block"
    if finding["type"] == "missing":
        return Mistake(where, "nothing", f"is needed: {said}")
    found = finding["input"]
    if finding["type"] == "literal_error":
        known = re.findall("'([^']*)'", finding["ctx"]["expected"])
        return Mistake(where, _shown(found), f"one of {', '.join(known)} is needed", _also(str(found), known))
    if finding["type"] == "string_type" and isinstance(found, bool | int | float | datetime.date):
        return Mistake(where, _as_written(found), f'a text is needed: write it in quotes, "{_as_written(found)}"')
    if finding["type"] in ("dict_type", "model_type"):
        return Mistake(where, _shown(found), f"a block of keys is needed: {said}")
    if finding["type"] == "bool_type" and str(found).lower() in ("yes", "no", "on", "off"):
        return Mistake(where, _shown(found), "true or false is needed, without quotes")
    said = finding["msg"].removeprefix("Value error, ")
    return Mistake(where, _shown(found), said[:1].lower() + said[1:])


def _innermost(model: type[BaseModel], place: tuple[Any, ...]) -> type[BaseModel]:
    """Return the model of the block at a place inside another model."""
    for key in place:
        field = model.model_fields.get(str(key))
        inner = (field.annotation, *get_args(field.annotation)) if field else ()
        model = next((kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)), model)
    return model


def _also(found: str, known: Collection[str]) -> str | None:
    """Return the nearest name; of parts of a split also by what others call them."""
    from chainrule.data.formats.folders import part_of

    part = part_of(found)
    return part if part in known else nearest(found, known)


def _as_written(found: Any) -> str:
    return str(found).lower() if isinstance(found, bool) else str(found)


def _place(value: Any, finding: Any) -> tuple[Any, ...]:
    """Return where in the file a finding is: pydantic adds which of several types it tried, and that a key is meant."""
    place = finding["loc"]
    if finding["type"] == "missing":
        return tuple(place)
    if place and place[-1] == "[key]":
        return (*place[:-2], _as_written(finding["input"]))
    found: list[Any] = []
    for step in place:
        if isinstance(value, list) and isinstance(step, int):
            key = step
        elif isinstance(value, dict) and str(step) in map(str, value):
            key = next(each for each in value if str(each) == str(step))
        else:
            break
        value = value[key]
        found.append(key)
    return tuple(found)


def _together(mistakes: Iterator[Mistake]) -> Iterator[Mistake]:
    """Yield mistakes in their order; those of one place and value, which may be of several types, as one."""
    kept: dict[tuple[str, str], Mistake] = {}
    for each in mistakes:
        before = kept.get((each.path, each.found))
        joined = each if before is None else before._replace(allowed=f"{before.allowed}, or {each.allowed}")
        kept[each.path, each.found] = joined
    yield from kept.values()


def _shown(found: Any) -> str:
    text = "nothing" if found is None else _as_written(found) if isinstance(found, bool) else repr(found)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def endless(value: Any, path: str, above: tuple[int, ...] = ()) -> Iterator[Mistake]:
    """Yield the numbers of a block, however deep, that are infinite or none: no JSON could hold them.

    above: what the value stands in; an alias of YAML may stand in itself.
    """
    if isinstance(value, float) and not math.isfinite(value):
        yield Mistake(path, str(value), "a finite number is needed, or null where it may be left open")
    if isinstance(value, dict | list) and id(value) not in above:
        for key, own in value.items() if isinstance(value, dict) else enumerate(value):
            yield from endless(own, f"{path}.{key}", (*above, id(value)))


def number(block: Any, *place: str) -> float | None:
    """Return the number that stands at a place in a block; None if there is none."""
    value = at(block, place)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
