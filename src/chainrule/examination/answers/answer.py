"""An answer per question, in words, and how well it was told."""

import numpy as np

from chainrule.evaluation.mistakes.answer import NOTHING
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import answer


def said(outputs: Outputs, facts: Facts) -> list[str]:
    """Return the answer that each row is given."""
    return [each or NOTHING for each in answer.answers(outputs)]


def true(target: np.ndarray, facts: Facts) -> list[str]:
    """Return the right answers of each row; `target` int [N, K, 2 + A]."""
    return [" / ".join(each) or NOTHING for each in answer.right(target)]


def standing(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how well each row is told, float64 [N]: how sure the answer is, below 0 where it has F1 below a half."""
    sure = answer.sure(outputs)
    return np.asarray(np.where(answer.scored(outputs, target)[:, 1] >= 0.5, sure, -sure))
