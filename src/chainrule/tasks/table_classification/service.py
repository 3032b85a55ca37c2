"""One label per row of a table, the face for serving: a row in, the graph's inputs; its output in, probabilities."""

from collections.abc import Mapping
from typing import Any

from chainrule.serving.answers import label
from chainrule.serving.answers.label import answer, schema
from chainrule.serving.parts import table
from chainrule.serving.parts.table import prepare

__all__ = ["answer", "check", "prepare", "schema"]


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle's graph does not give a logit for each class, or says not how a row is read."""
    label.check(signature)
    table.check(signature["preprocessing"]["row"])
