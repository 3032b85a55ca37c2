"""How the rows of token classification look: one text, its spans, so what holds for spans."""

from chainrule.fields.spans import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
