"""How the rows of multi-label classification look: one input, a set of labels, so what holds for sets of labels."""

from chainrule.fields.labels import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
