"""How the targets are spread over the splits."""

from chainrule.evaluation.parts import Part
from chainrule.exploration.looked import Looked
from chainrule.system import plugins


def part(looked: Looked) -> Part:
    """Return what the target's kind shows of it."""
    found: Part = plugins.load("exploration.targets", looked.block["target"]).balance(looked)
    return found
