"""How the rows of image regression look: an image, one number, so what holds for numbers."""

from chainrule.fields.number import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
