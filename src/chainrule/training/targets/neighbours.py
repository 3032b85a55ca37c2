"""Words that stand near one another: what is learnt is which do, by skip-gram (`training.objectives.skip_gram`)."""

from chainrule.training.targets.continuation import DECIDES, calibrate, deciding

__all__ = ["DECIDES", "calibrate", "deciding"]
