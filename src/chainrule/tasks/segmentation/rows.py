"""How the rows of segmentation look: an image, one mask over it, so what holds for masks."""

from chainrule.fields.mask import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
