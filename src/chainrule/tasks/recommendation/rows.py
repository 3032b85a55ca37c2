"""How the rows of recommendation look: a user, an item, so what holds for ratings."""

from chainrule.fields.rating import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
