"""How answers of classification of images with texts are scored: as one label is."""

from chainrule.evaluation.scores import label as measure

__all__ = ["measure"]
