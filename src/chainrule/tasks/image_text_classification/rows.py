"""How the rows of classification of images with texts look: one label each, so what holds for labels."""

from chainrule.fields.label import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
