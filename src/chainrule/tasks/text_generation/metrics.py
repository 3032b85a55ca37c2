"""How text generation is scored: by what the text costs to tell."""

from chainrule.evaluation.scores import continuation as measure

__all__ = ["measure"]
