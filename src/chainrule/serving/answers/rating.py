"""A rating on the scale with the ends of an interval, the item's place in the user's list, and the list."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.serving.answers import ranked
from chainrule.serving.answers.ranked import check

__all__ = ["COLUMNS", "answer", "beside", "cells", "check", "schema"]
CALLED, ENDS = "rating", ("low", "high")
COLUMNS = ("predicted", "rank")
"""What a file of answers has of one, by `cells`."""


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to one pair, as `ranked.answer` does."""
    return ranked.answer(outputs, signature, CALLED, ENDS)


def beside(answer: dict[str, Any], sent: Mapping[str, Any], read: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer as the request wants it."""
    return ranked.beside(answer, read, (CALLED, *ENDS, "item_known", "rank"))


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the rating of an answer and the item's place."""
    return [answer.get(CALLED), answer.get("rank")]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    return ranked.schema(CALLED, "on the scale of the ratings that the model was trained on", ENDS)
