"""How a text is to be made: what a recipe says, and a request may say otherwise, within bounds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from chainrule.system.errors import DataError

MOST_BEAMS, MOST_ALTERNATIVES, MOST_SEED = 16, 20, 2**53 - 1


@dataclass(frozen=True)
class Settings:
    """How a text is made. One beam and no temperature take the likeliest token each time (greedy)."""

    max_new_tokens: int = 128
    """Tokens at most, an end among them."""
    beams: int = 1
    """Continuations that are followed side by side."""
    length_penalty: float = 1.0
    """A finished beam's log-probability is divided by its tokens to this power: above 0 longer ones gain."""
    early_stopping: bool = False
    """Whether a beam search ends once as many texts are finished as there are beams."""
    temperature: float = 0.0
    """What logits are divided by before a token is drawn; 0: none is drawn."""
    top_k: int = 0
    """Tokens are drawn from so many of the likeliest; 0: from all."""
    top_p: float = 1.0
    """Tokens are drawn from the fewest whose probabilities together reach this (Holtzman et al. 2020)."""
    seed: int = 0
    """Of the drawing: the same request gets the same text."""
    alternatives: int = 0
    """Of how many of the likeliest tokens the probabilities are told at each place."""


_BOUNDS: dict[str, tuple[float, float]] = {
    "max_new_tokens": (1, math.inf), "beams": (1, MOST_BEAMS), "length_penalty": (-10, 10), "temperature": (0, 100),
    "top_k": (0, math.inf), "top_p": (0, 1), "seed": (0, MOST_SEED), "alternatives": (0, MOST_ALTERNATIVES),
}  # fmt: skip
_ABOVE = {"top_p"}  # its lower bound is not among what may be
NAMES = tuple(field.name for field in fields(Settings))


def read(asked: Mapping[str, Any], defaults: Settings) -> Settings:
    """Return the settings of a request: what it asks for, else the defaults.

    Raises DataError that says every setting that is unknown, of a wrong type or out of bounds, and beams that are to
    draw.
    """
    wrong = [_problem(name, value, defaults) for name, value in asked.items()]
    if any(wrong):
        raise DataError("; ".join(filter(None, wrong)))
    found = replace(defaults, **{name: type(getattr(defaults, name))(value) for name, value in asked.items()})
    if found.beams > 1 and found.temperature:
        if "temperature" in asked and "beams" in asked:  # whichever is asked for wins over the model's own
            raise DataError("beams and temperature exclude each other: tokens are drawn, or beams are followed")
        found = replace(found, **({"beams": 1} if "temperature" in asked else {"temperature": 0.0}))
    return found


def schema(defaults: Settings) -> dict[str, Any]:
    """Return the JSON Schema of every setting, by name."""
    words = {bool: "boolean", int: "integer", float: "number"}
    found: dict[str, Any] = {}
    for name in NAMES:
        own = getattr(defaults, name)
        found[name] = {"type": words[type(own)], "default": own}
        if name in _BOUNDS:
            least, most = _BOUNDS[name]
            found[name]["exclusiveMinimum" if name in _ABOVE else "minimum"] = least
            found[name] |= {} if most == math.inf else {"maximum": most}
    return found


def _problem(name: str, value: Any, defaults: Settings) -> str | None:
    """Return in words what is wrong with a setting; None where nothing is."""
    if name not in NAMES:
        return f"{name!r:.60} is no setting of a text; there are {', '.join(NAMES)}"
    wanted = type(getattr(defaults, name))
    if wanted is bool:
        return None if isinstance(value, bool) else f"{name} must be true or false, not {value!r:.40}"
    words = "a whole number" if wanted is int else "a number"
    least, most = _BOUNDS[name]
    above = name in _ABOVE
    span = f"{'above' if above else 'of at least'} {least:g}" + ("" if most == math.inf else f" and at most {most:g}")
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    fits = fits and (wanted is float or isinstance(value, int)) and least <= value <= most  # no NaN is
    return None if fits and not (above and value == least) else f"{name} must be {words} {span}, not {value!r:.40}"
