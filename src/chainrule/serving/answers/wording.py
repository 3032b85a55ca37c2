"""A text that was written, and how sure the model is of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.fields.wording import texts
from chainrule.serving.answers.checks import finite
from chainrule.system.errors import DataError

OUTPUT = "text"
COLUMNS = ("predicted", "probability")
"""What a file of answers has of one, by `cells`."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle does not say how a text is written."""
    if not isinstance(signature.get("decoding"), dict):
        raise DataError(f"{signature['task']} needs `decoding` in its signature; export it again")


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"text", "probability"} of the outputs for one item: text [1, L], code points, and score [1].

    The probability is the geometric mean of those of the text's tokens. Where the signature has a line of doubt also
    "doubtful", whether it is below what such texts have. Raises ChainruleError when the score is not finite.
    """
    (said,) = texts(outputs[OUTPUT])
    chance = float(np.exp(finite(outputs["score"])))
    line = signature.get("uncertainty", {}).get("doubtful_below")
    return {"text": said, "probability": chance, **({} if line is None else {"doubtful": bool(chance < line)})}


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the text of an answer and its probability."""
    return [answer["text"], answer["probability"]]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    mean = "geometric mean of the probabilities of the text's tokens"
    return {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "what was written"},
            "probability": {"type": "number", "minimum": 0, "maximum": 1, "description": mean},
            "doubtful": {"type": "boolean", "description": "whether that is less than such texts have"},
        },
        "required": ["text", "probability"],
    }
