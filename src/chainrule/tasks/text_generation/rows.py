"""How the rows of text generation look: texts, of which nothing contradicts another."""

from chainrule.fields.continuation import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
