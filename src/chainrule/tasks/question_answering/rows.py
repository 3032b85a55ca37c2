"""How the rows of question answering look: what holds for answers."""

from chainrule.fields.answer import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
