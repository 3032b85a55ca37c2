"""How the rows of star rating look: a text, a number, so what holds for numbers."""

from chainrule.fields.number import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
