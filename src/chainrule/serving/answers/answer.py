"""The answer to a question: the words of the passage, where they stand there, how sure it is, or that there is none."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.fields import answer as field
from chainrule.serving.answers.checks import lines
from chainrule.system.errors import ChainruleError, DataError

TAKES = ("unsure_below",)
"""Parameters of a request that change what is said."""
COLUMNS = ("predicted", "probability")
"""What a file of answers has of one, by `cells`."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a graph does not give the outputs of a reader."""
    lines(signature, "unsure_below")
    named = {tensor["name"] for tensor in signature["outputs"]}
    if missing := [name for name in field.OUTPUTS if name not in named]:
        raise DataError(f"{signature['task']} needs the outputs {', '.join(missing)}; export the bundle again")


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"answer", "start", "end", "probability", "none"} of the outputs [1, ...] for one item.

    Places are code points of the passage as cleaning leaves it, `end` exclusive; where the model says that there is no
    answer, `none` is true, `answer` "" and the span is the likeliest all the same. Where the signature has a line for
    it, also "unsure". Raises ChainruleError when a logit is not finite.
    """
    if not all(np.isfinite(outputs[name]).all() for name in ("start_logits", "end_logits")):
        raise ChainruleError("the model answered with a number that is not finite")
    (told,) = field.told({name: outputs[name][:1] for name in field.OUTPUTS})
    none, sure = field.is_none(told), field.probability(told)
    said: dict[str, Any] = {
        "answer": "" if none else told.text,
        "start": told.start,
        "end": told.end,
        "probability": sure,
        "none": none,
    }
    if (least := signature.get("uncertainty", {}).get("unsure_below")) is not None:
        said["unsure"] = sure < least
    return said


def beside(answer: dict[str, Any], sent: Mapping[str, Any], read: Mapping[str, str]) -> dict[str, Any]:
    """Return an answer with the passage as "text" where cleaning has made another of it.

    sent, read: the item's input fields as they came and as cleaning leaves them; the last is the one that places mean.
    """
    text = list(read.values())[-1]
    return answer if list(sent.values())[-1] == text else {**answer, "text": text}


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the words of an answer and its probability."""
    return [answer["answer"], answer["probability"]]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    place = "code points into the passage, as cleaning leaves it"
    return {
        "type": "object",
        "properties": {
            "answer": {"type": "string", "description": 'the words of the passage; "" where there is none'},
            "start": {"type": "integer", "minimum": 0, "description": f"where the likeliest span begins: {place}"},
            "end": {"type": "integer", "minimum": 0, "description": "the first place behind it"},
            "probability": {"type": "number", "minimum": 0, "maximum": 1},
            "none": {"type": "boolean", "description": "whether the passage is said to hold no answer"},
            "unsure": {"type": "boolean", "description": "whether the probability is too small to rely on"},
            "text": {"type": "string", "description": "the passage, where it is not what was sent"},
        },
        "required": ["answer", "start", "end", "probability", "none"],
    }
