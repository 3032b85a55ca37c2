"""The `search` section: what `chainrule tune` varies, and how it looks for the best; no stage depends on it."""

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import Field

from chainrule.recipes.file import Section, at
from chainrule.recipes.mistakes import Mistake

SEARCHED = ("augment", "net", "pretrain", "finetune")
"""The sections whose keys can be searched: what a trial can do anew without touching the split."""
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::(log|{_NUMBER}))?")
WRITTEN = "a list of values, or LOW..HIGH, LOW..HIGH:log, LOW..HIGH:STEP"

Given = str | list[bool | int | float | str | None]


class Search(Section):
    """What `chainrule tune` does where its options do not say otherwise; no stage reads it."""

    trials: int = Field(default=20, ge=1, le=100_000, description="so many trials in all")
    sampler: Literal["tpe", "random", "grid"] = Field(
        default="tpe", description="how the next values are chosen: by what was found so far, at random, or all in turn"
    )
    pruner: Literal["median", "hyperband", "none"] = Field(
        default="median", description="which trials end early: those worse than half of the others, successive halving"
    )
    space: dict[str, Given] = Field(
        default={},
        description="what is searched, a dotted key of the recipe each; a list of values or a text such as "
        "`1e-5..1e-3:log`; empty: rate, epochs, batch size and decay around their values in force",
    )


class Range(NamedTuple):
    """Numbers from low to high, both included: whole ones if both ends are; `log` and `step` exclude each other."""

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @property
    def whole(self) -> bool:
        """Tell whether all of it are whole numbers."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 1))


def candidates(given: Any) -> Range | list[Any]:
    """Return what a key of the space may be; ValueError, with what is allowed, for what is neither list nor range."""
    if isinstance(given, list):
        if not given or not all(value is None or isinstance(value, bool | int | float | str) for value in given):
            raise ValueError("at least one value, each a number, a text, true, false or null, is needed")
        if len({repr(value) for value in given}) < len(given):
            raise ValueError("each value once")
        return given
    found = _RANGE.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None:
        raise ValueError(f"{WRITTEN} is needed")
    low, high = _number(found[1]), _number(found[2])
    if low >= high:
        raise ValueError(f"the lower end comes first: {found[2]}..{found[1]}?")
    if found[3] == "log":
        if low <= 0:
            raise ValueError("a logarithmic range begins above 0")
        return Range(low, high, log=True)
    step = None if found[3] is None else _number(found[3])
    if step is not None and not 0 < step <= high - low:
        raise ValueError(f"a step above 0 and at most {high - low:g} is needed")
    return Range(low, high, step=step)


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)


def with_values(block: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a recipe's block with values set at dotted keys; blocks that are not there are made."""
    changed: dict[str, Any] = copy.deepcopy(dict(block))
    for key, value in values.items():
        *above, last = key.split(".")
        place = changed
        for name in above:
            if not isinstance(place.get(name), dict):
                place[name] = {}
            place = place[name]
        place[last] = value
    return changed


def space_mistakes(block: Any, path: str, find: Callable[[Any], Iterable[Mistake]]) -> Iterator[Mistake]:
    """Yield what is wrong with a recipe's search space: a key or a value that the recipe cannot have.

    find: yields the mistakes of a recipe's block.
    """
    space = at(block, ("search", "space"))
    if not isinstance(space, dict):
        return
    before = set(find(block)) if space else set()
    for key, given in space.items():
        place = f"{path}.search.space.{key}"
        if not isinstance(key, str) or key.partition(".")[0] not in SEARCHED or key in SEARCHED:
            yield Mistake(place, repr(key), f"a dotted key of {', '.join(SEARCHED)} is needed")
            continue
        try:
            found = candidates(given)
        except ValueError as error:
            yield Mistake(place, repr(given), str(error))
            continue
        for value in [found.low, found.high] if isinstance(found, Range) else found:
            wrong = [each for each in find(with_values(block, {key: value})) if each not in before]
            yield from (each._replace(path=f"{place}: {each.path}") for each in wrong[:1])
