"""The parts of the data page, in order."""

from collections.abc import Callable, Sequence

from chainrule.evaluation.parts import Part
from chainrule.exploration import sizes
from chainrule.exploration.looked import Looked

MAKERS: Sequence[tuple[str, Callable[[Looked], Part | None]]] = (("sizes", sizes.part),)
"""What makes each, by the name under which its numbers stand in explore.json; None says that there is nothing."""
