"""How answers of item ranking are scored: as clicks are."""

from chainrule.evaluation.scores import click as measure

__all__ = ["measure"]
