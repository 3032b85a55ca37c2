"""How the rows of item ranking look: a user, an item, so what holds for clicks."""

from chainrule.fields.click import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
