"""The items that a user would choose first, with the scores by which they are put in order."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.serving.answers import ranked
from chainrule.serving.answers.ranked import check

__all__ = ["COLUMNS", "answer", "beside", "cells", "check", "schema"]
CALLED = "score"
COLUMNS = ("predicted", "rank")
"""What a file of answers has of one, by `cells`."""


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to one pair, as `ranked.answer` does."""
    return ranked.answer(outputs, signature, CALLED)


def beside(answer: dict[str, Any], sent: Mapping[str, Any], read: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer as the request wants it."""
    return ranked.beside(answer, read, (CALLED, "item_known", "rank"))


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the score of an answer and the item's place."""
    return [answer.get(CALLED), answer.get("rank")]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    return ranked.schema(CALLED, "the larger, the earlier in the list; no probability")
