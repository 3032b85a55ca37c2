"""Floors of spans: the tag that a word has most often, and a linear model of how words are written.

Words are runs of letters and digits, other signs, and single letters of scripts without blanks. Of what a floor says of
them spans are made as of a model's tokens.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.selection import Family, best, folds, threads
from chainrule.fields import tags
from chainrule.fields.scripts import SOLID
from chainrule.fields.windows import BEGINS, END, SHAPES, START, shape

INVERSE_PENALTIES = (0.3, 3.0)
AROUND = 2
"""Words on each side of one that the linear model looks at."""
_WORD = re.compile(rf"{SOLID.pattern}|(?:(?!{SOLID.pattern})\w)+|[^\w\s]")


def floors(
    kind: Any,
    train: Sequence[Any],
    target: np.ndarray,
    test: Sequence[Any],
    facts: Facts,
    seed: int,
    groups: Sequence[Any] | np.ndarray | None = None,
    progress: Progress = unseen,
) -> dict[str, Outputs]:
    """Return by name the logits [N_test, 1, T, K] and offsets [N_test, 1, T, 3] of the words that each floor tags.

    train, test: texts, by input field; target: int [N_train, S, 3]; groups: [N_train], whole in the fold held out, of
    which the words that are rightly tagged choose the linear model's strength. All training rows are fitted. Raises
    ValueError on inputs that do not fit together.
    """
    if len(train[0]) != len(target) or not len(target):
        raise ValueError(f"{len(train[0])} training rows and {len(target)} rows of spans")
    classes = len(facts["classes"])
    seen, asked = ([_words(text) for text in texts] for texts in (train[0], test[0]))
    true = [tags.of_words(own, places) for own, (_, places) in zip(target, seen, strict=True)]
    every = np.concatenate(true)
    often = _most_often(seen, true)
    said = {"most_frequent_tag": [_certain([often.get(word, 0) for word in words], classes) for words, _ in asked]}
    if len(np.unique(every)) > 1:
        lengths = [len(words) for words, _ in asked]
        model, told = _linear(seen, true, target, asked, seed, groups, progress)
        scores = np.full((sum(lengths), tags.count(classes)), tags.NEVER)
        scores[:, model.classes_] = np.maximum(model.predict_log_proba(told), tags.NEVER)
        said["logistic_regression"] = np.split(scores, np.cumsum(lengths)[:-1])
    return {name: _outputs(own, [places for _, places in asked], classes) for name, own in said.items()}


def _words(text: str) -> tuple[list[str], np.ndarray]:
    """Return the words of a text, and where each begins and ends, int64 [T, 2]."""
    found = list(_WORD.finditer(text))
    places = np.array([each.span() for each in found], np.int64).reshape(-1, 2)
    return [each[0] for each in found], places


def _most_often(seen: Sequence[tuple[list[str], np.ndarray]], true: Sequence[np.ndarray]) -> dict[str, int]:
    counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for (words, _), own in zip(seen, true, strict=True):
        for word, tag in zip(words, own.tolist(), strict=True):
            counts[word][tag] += 1
    return {word: min(own, key=lambda tag: (-own[tag], tag)) for word, own in counts.items()}


def _certain(found: Sequence[int], classes: int) -> np.ndarray:
    scores = np.full((len(found), tags.count(classes)), tags.NEVER)
    scores[np.arange(len(found)), list(found)] = 0.0
    return scores


def _linear(
    seen: Sequence[tuple[list[str], np.ndarray]],
    true: Sequence[np.ndarray],
    target: np.ndarray,
    asked: Sequence[tuple[list[str], np.ndarray]],
    seed: int,
    groups: Sequence[Any] | np.ndarray | None,
    progress: Progress,
) -> tuple[Any, Any]:
    """Return a fitted logistic regression, and what it is asked of the words of other texts."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    def make(inverse_penalty: float) -> Any:
        return LogisticRegression(C=inverse_penalty, tol=1e-3, max_iter=200)

    columns = DictVectorizer(dtype=np.float32)
    inputs = columns.fit_transform(_features(around) for words, _ in seen for around in _windows(words))
    told = columns.transform(_features(around) for words, _ in asked for around in _windows(words))
    every = np.concatenate(true)
    rows = np.arange(len(target)) if groups is None else np.asarray(groups)
    of_words = np.repeat(rows, [len(own) for own in true])
    family = Family("logistic regression", make, INVERSE_PENALTIES)
    with threads(inputs):
        held_out = folds(every, of_words, seed)[:1]
        strength = best(family, inputs, every, held_out, progress, _right)
        return make(strength).fit(inputs, every), told


def _right(model: Any, inputs: Any, target: np.ndarray) -> float:
    return float((model.predict(inputs) == target).sum())


def _windows(words: Sequence[str]) -> list[list[str | None]]:
    """Return each word with those around it, None where there is none, the word itself in the middle."""
    edge: list[str | None] = [None] * AROUND
    wide = [*edge, *words, *edge]
    return [wide[at : at + 2 * AROUND + 1] for at in range(len(words))]


def _features(around: Sequence[str | None]) -> Mapping[str, float]:
    """Return what a linear model sees of a word: itself, its ends, how it is written, and that of its neighbours."""
    found = {"bias": 1.0}
    for place, word in enumerate(around, start=-AROUND):
        if word is None:
            found[f"{place} none"] = 1.0
            continue
        found[f"{place} word {word.lower()}"] = found[f"{place} shape {SHAPES[shape(word)]}"] = 1.0
        if place == 0:
            for length in (1, 2, 3):
                found[f"begins {word[:length]}"] = found[f"ends {word[-length:]}"] = 1.0
    middle = AROUND
    for one, other in ((middle - 1, middle), (middle, middle + 1)):
        found[f"{one} pair {around[one]} {around[other]}"] = 1.0
    return found


def _outputs(scores: Sequence[np.ndarray], words: Sequence[np.ndarray], classes: int) -> Outputs:
    """Return what is said of words as a model says it, in one window."""
    most = max((len(own) for own in words), default=0) or 1
    logits = np.zeros((len(words), 1, most, tags.count(classes)))
    offsets = np.zeros((len(words), 1, most, 3), np.int64)
    for row, (own, at) in enumerate(zip(scores, words, strict=True)):
        logits[row, 0, : len(at)] = own
        offsets[row, 0, : len(at), [START, END]] = at.T
        offsets[row, 0, : len(at), BEGINS] = 1
    return {"logits": logits, "offsets": offsets}
