"""How the rows of translation look: a text and what is written for it, so what holds for wordings."""

from chainrule.fields.wording import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
