"""How the rows of image classification look: an image, one label, so what holds for labels."""

from chainrule.fields.label import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
