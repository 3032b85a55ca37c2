"""Answers to questions that look wrong: nothing simple says what an answer should be."""

from collections.abc import Sequence
from typing import Any

from chainrule.evaluation.parts import NotShownError
from chainrule.evaluation.selection import Fold
from chainrule.exploration.doubts.doubt import Doubts


def doubts(simple: Any, inputs: Any, values: Sequence[str], folds: Sequence[Fold]) -> Doubts:
    """Raise NotShownError: a simple model of words does not tell which of a passage's words answer a question."""
    raise NotShownError(
        "no simple model says which words of a passage answer a question; after fine-tuning the page of errors lists "
        "the sure answers that are wrong, where wrong targets are likeliest"
    )
