"""One number per row of a table, the face for serving: a row in, the graph's inputs; its output in, the number."""

from collections.abc import Mapping
from typing import Any

from chainrule.serving.answers import number
from chainrule.serving.answers.number import answer, schema
from chainrule.serving.parts import table
from chainrule.serving.parts.table import prepare

__all__ = ["answer", "check", "prepare", "schema"]


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle's graph does not give a number, or says not how a row is read."""
    number.check(signature)
    table.check(signature["preprocessing"]["row"])
