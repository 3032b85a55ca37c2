"""A text that was written: how a prompt goes on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.serving.answers.checks import finite
from chainrule.serving.decoding import words
from chainrule.system.errors import DataError

COLUMNS = ("text", "probability")
"""What a file of answers has of one, by `cells`."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle does not say how a text is written."""
    if not isinstance(signature.get("decoding"), dict):
        raise DataError(f"{signature['task']} needs `decoding` in its signature; export it again")


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"text", "tokens", "probability"} of the outputs [1, ...] for one item.

    text: what goes on behind the prompt; tokens: how many it has; probability: of a token, the geometric mean. Raises
    ChainruleError when that is not finite.
    """
    mean = float(finite(outputs["score"][:1]))
    return {
        "text": words.texts(outputs["text"][:1])[0],
        "tokens": int(outputs["length"][0]),
        "probability": float(np.exp(mean)),
    }


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the text of an answer and the probability of a token of it."""
    return [answer["text"], answer["probability"]]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    properties = {
        "text": {"type": "string", "description": "how the prompt goes on"},
        "tokens": {"type": "integer", "minimum": 0, "description": "how many tokens it has, an end among them"},
        "probability": {"type": "number", "minimum": 0, "maximum": 1, "description": "of a token, the geometric mean"},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}
