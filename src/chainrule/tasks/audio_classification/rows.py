"""How the rows of audio classification look: a sound, one label, so what holds for labels."""

from chainrule.fields.label import STRATUM, classes, contradictory, expectations, strata, unlearnable

__all__ = ["STRATUM", "classes", "contradictory", "expectations", "strata", "unlearnable"]
