"""How the rows of detection look: an image, a list of boxes over it, so what holds for boxes."""

from chainrule.fields.boxes import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
