"""Stars of a text, the face for serving: a text in, the graph's inputs; its output in, whole stars."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.serving.answers.number import check
from chainrule.serving.parts import text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from chainrule.serving.limits import Limits

__all__ = ["answer", "check", "prepare", "schema"]


def prepare(
    parts: Mapping[str, bytes | str],
    signature: Mapping[str, Any],
    tokenizer: "Tokenizer | None",
    limits: "Limits",
) -> dict[str, np.ndarray]:
    """Return the graph's inputs, int64 [1, T] each, for a text. Raises DataError for a text that no row could be."""
    clean = text.clean(parts["text"], signature["preprocessing"]["text"], limits)
    return text.encoded(clean, None, tokenizer, [tensor["name"] for tensor in signature["inputs"]])


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"stars": whole number, "exactly": number} of the outputs [1] for one item."""
    value = float(outputs["value"][0])
    return {"stars": round(value), "exactly": value}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    properties = {"stars": {"type": "integer"}, "exactly": {"type": "number"}}
    return {"type": "object", "properties": properties, "required": list(properties)}
