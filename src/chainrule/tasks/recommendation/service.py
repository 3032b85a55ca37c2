"""Recommendation, the face for serving: a user and maybe an item in, the graph's inputs; its outputs in, the list."""

from collections.abc import Mapping
from typing import Any

from chainrule.serving.answers import rating
from chainrule.serving.answers.rating import answer, schema
from chainrule.serving.parts import interaction
from chainrule.serving.parts.interaction import prepare

__all__ = ["answer", "check", "prepare", "schema"]


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle's graph does not give lists of items, or says not how a row is read."""
    rating.check(signature)
    interaction.check(signature["preprocessing"]["interaction"])
