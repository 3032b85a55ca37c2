"""How the rows of word vectors look: texts, of which nothing contradicts another."""

from chainrule.fields.neighbours import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
