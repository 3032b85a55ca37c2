"""Scores of answers to questions about a passage, by the definition of SQuAD.

Rajpurkar et al. 2016 (arXiv:1606.05250), section 6.1, and Rajpurkar et al. 2018 (arXiv:1806.03822) for questions
without an answer. Before they are compared answers lose case, punctuation, the articles a, an and the, and
blanks that are not needed.

- exact_match: share of rows whose answer then is one of the right ones.
- f1: PRIMARY. Mean over the rows of the harmonic mean of precision and recall of the answer's words, each as often as
  it occurs; of several right answers the best counts. Characters of scripts that put no blanks between their words are
  words of their own, as in the scores of MLQA and CMRC 2018. Where there is no answer it is 1 for saying so, else 0.
- f1_of_answered, none_found: f1 of the rows that have an answer, and share of the others that are told to have none;
  None where there are no such rows.

A model's outputs are those that `fields.answer` describes, or `said` [N, A], the code points of the answers, filled up
with 0: all 0 of a row that is told to have no answer. A row with a NaN has no answer at all: it counts as wrong.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np

from chainrule.evaluation.primary import SHARE, Facts, Metrics, Outputs, Primary, Score
from chainrule.fields import answer as field
from chainrule.fields.scripts import SOLID
from chainrule.fields.text import words
from chainrule.fields.windows import code_points

PRIMARY = Primary("f1", more_is_better=True, unit=SHARE)
SCORES = (
    Score("f1", "F1", more_is_better=True),
    Score("exact_match", "Exact match", more_is_better=True),
    Score("f1_of_answered", "F1 where there is an answer", more_is_better=True),
    Score("none_found", "No answer, and told so", more_is_better=True),
)
HEADLINE = ("exact_match",)
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = "How sure an answer is, and from when on there is none, validation rows have told."
SAID, SURE = "said", "sure"
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def plain(answer: str) -> str:
    """Return an answer as it is compared: `normalize_answer` of SQuAD's script, with the punctuation of all scripts."""
    bare = "".join(letter for letter in answer.lower() if letter not in string.punctuation and not _is_sign(letter))
    return " ".join(_ARTICLES.sub(" ", bare).split())


def _is_sign(letter: str) -> bool:
    return not letter.isascii() and unicodedata.category(letter).startswith("P")


def tokens(answer: str) -> list[str]:
    """Return the words of an answer as they are compared; of scripts without blanks the characters."""
    found = []
    for word in plain(answer).split():
        found += words(word) if SOLID.search(word) else [word]
    return found


def f1(said: str, true: str) -> float:
    """Return the F1 of the words of two answers; of one without words, 1 if the other has none either."""
    ours, theirs = tokens(said), tokens(true)
    if not ours or not theirs:
        return float(ours == theirs)
    same = (Counter(ours) & Counter(theirs)).total()
    return 2 * same / (len(ours) + len(theirs))


def score(said: str, right: Sequence[str]) -> tuple[float, float]:
    """Return exact match and F1 of an answer, "" being none, beside the right ones, [] being none."""
    if not right or not said:
        return (float(not right and not said),) * 2
    return float(any(plain(said) == plain(each) for each in right)), max(f1(said, each) for each in right)


def answers(outputs: Outputs) -> list[str | None]:
    """Return the answer to each row, "" where it is told that there is none; None where there is no answer."""
    if SAID in outputs:
        return [None if np.isnan(row).any() else field.characters(row) for row in outputs[SAID]]
    return [None if np.isinf(each.score) else "" if field.is_none(each) else each.text for each in field.told(outputs)]


def sure(outputs: Outputs) -> np.ndarray:
    """Return the probability of each answer, float64 [N]; 1 where outputs do not say."""
    if SAID in outputs:
        return np.nan_to_num(np.asarray(outputs.get(SURE, np.ones(len(outputs[SAID]))), np.float64))
    return np.array([field.probability(each) for each in field.told(outputs)])


def right(target: np.ndarray) -> list[list[str]]:
    """Return the right answers to each row of a target int [N, K, 2 + A]."""
    return [[each.text for each in field.answers(row)] for row in np.asarray(target)]


def written(said: Sequence[str | None]) -> np.ndarray:
    """Return answers as outputs have them, float32 [N, A]; NaN of a row without one."""
    wide = np.zeros((len(said), max((len(each or "") for each in said), default=1) or 1), np.float32)
    for row, each in enumerate(said):
        wide[row, : len(each or "")] = code_points(each or "")
        if each is None:
            wide[row] = np.nan
    return wide


def scored(outputs: Outputs, target: np.ndarray) -> np.ndarray:
    """Return exact match and F1 of each row, float64 [N, 2]; ValueError where outputs and target do not fit."""
    said, true = answers(outputs), right(target)
    if len(said) != len(true):
        raise ValueError(f"{len(said)} answers and {len(true)} targets do not fit")
    found = [(0.0, 0.0) if own is None else score(own, correct) for own, correct in zip(said, true, strict=True)]
    return np.array(found, np.float64).reshape(-1, 2)


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 6], what each row adds.

    In order: rows, exact matches, F1; rows with an answer and their F1; rows without one that are told so.
    """
    exact, shared = scored(outputs, target).T
    with_one = np.asarray(target)[:, 0, 0] != field.NONE
    rows = np.ones(len(exact))
    return np.column_stack([rows, exact, shared, with_one, np.where(with_one, shared, 0), np.where(with_one, 0, exact)])


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores [...] of sums [..., 6]."""
    rows, exact, shared, some, of_some, none_right = np.moveaxis(np.asarray(sums), -1, 0)
    none = rows - some
    return {
        "f1": shared / rows,
        "exact_match": exact / rows,
        "f1_of_answered": np.where(some > 0, of_some / np.maximum(some, 1), np.nan),
        "none_found": np.where(none > 0, none_right / np.maximum(none, 1), np.nan),
    }


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return where two models give the same answer, bool [N]; no answer agrees with none."""
    pairs = zip(answers(ours), answers(theirs), strict=True)
    return np.array([one is not None and one == other for one, other in pairs], bool)


def comparable(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return what must not change with the rows beside one: probabilities of the best span and of none, [N, 2]."""
    return np.exp([[each.score, each.none] for each in field.told(outputs)])


def joined(facts: Sequence[Facts], names: Sequence[str]) -> Facts:
    """Return the facts by which several models are compared: those of the first."""
    return facts[0]


def aligned(outputs: Outputs, facts: Facts, joint: Facts) -> Outputs:
    """Return a model's outputs as they are: they alone say its answers."""
    return outputs
