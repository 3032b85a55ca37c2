"""How the rows of table regression look: a row of a table, one number, so what holds for numbers."""

from chainrule.fields.number import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
