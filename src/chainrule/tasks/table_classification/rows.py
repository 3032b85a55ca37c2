"""How the rows of table classification look: a row of a table, one label, so nearly what holds for labels."""

from collections.abc import Collection

from chainrule.fields.label import STRATUM, classes, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]


def contradictory(values: Collection[str]) -> bool:
    """Whether equal rows cannot have all of these labels: they can, the columns say not all of what they are about."""
    return False
