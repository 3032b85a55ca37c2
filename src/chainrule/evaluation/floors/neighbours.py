"""Floors of word vectors: how often words are, and vectors made by counting, of the tokens that the model reads.

The vectors are the singular ones of the positive pointwise mutual information of words and their neighbours (Levy and
Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization"), with the settings that Levy, Goldberg and
Dagan 2015 (https://aclanthology.org/Q15-1016, section 3) found best for it: contexts smoothed by 0.75, near neighbours
weighed more as skip-gram's windows do, singular values by their root.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.neighbours import Strangers, beaten, strangers
from chainrule.evaluation.tokens import are_words, encoded, unknown_id

WIDTH, WINDOW, SMOOTHED = 100, 5, 0.75


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
    """Return by name the "told", "seen", "unknown" and "real" [N_test, T] of each floor.

    train, test: [texts]; facts: with the model's `tokenizer` as JSON.
    """
    tokenizer = facts["tokenizer"]
    known, asked = (encoded(texts[0], tokenizer) for texts in (train, test))
    words = np.array(are_words(tokenizer))
    counts = np.bincount(np.concatenate(known), minlength=len(words)) * words
    vectors = counted(known, words, seed)
    drawn = strangers(counts)
    often = counts.astype(np.float64)
    unknown = unknown_id(tokenizer)

    def by_count(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return often[ids], np.tile(often[drawn.words], (len(ids), 1))

    def by_vectors(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return near(vectors[ids], vectors[drawn.words])

    return {
        "frequency": outputs(asked, words, unknown, drawn, by_count),
        "ppmi_svd": outputs(asked, words, unknown, drawn, by_vectors),
    }


def near(own: np.ndarray, strange: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return cosines of each word, and of strangers, with the sum of a text's other words: [W] and [W, P].

    own: [W, D], the words of a text, each once; strange: [P, D]; of length 1, or 0 where nothing is known.
    """
    rest = own.sum(axis=0) - own
    rest /= np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-3)
    return (rest * own).sum(axis=1), rest @ strange.T


def outputs(asked: Sequence[np.ndarray], words: np.ndarray, unknown: int | None, drawn: Strangers, way: Any) -> Outputs:
    """Return the outputs [N, T] of rows of ids; way: of the ids of a text's words, each once, what `near` returns."""
    longest = max(map(len, asked), default=1)
    found = {name: np.zeros((len(asked), longest)) for name in ("told", "seen", "unknown", "real")}
    for row, ids in enumerate(asked):
        found["real"][row, : len(ids)] = words[ids] | (ids == unknown)
        found["unknown"][row, : len(ids)] = ids == unknown
        _, first = np.unique(ids, return_index=True)
        places = np.sort(first)
        places = places[words[ids[places]]]
        if len(places) > 1:
            own = ids[places]
            valid = (drawn.band_of[own][:, None] == drawn.bands) & ~np.isin(drawn.words, ids)
            nearness, others = way(own)
            found["seen"][row, places] = valid.any(axis=1)
            found["told"][row, places] = beaten(nearness, others, valid)
    return found


def counted(rows: Sequence[np.ndarray], words: np.ndarray, seed: int) -> np.ndarray:
    """Return vectors float64 [V, D] of length 1, 0 of what has no neighbours, of the words of rows of ids."""
    from scipy.sparse import coo_array
    from sklearn.utils.extmath import randomized_svd

    flat = np.concatenate(rows)
    row = np.repeat(np.arange(len(rows)), [len(ids) for ids in rows])
    keep = words[flat]
    flat, row = flat[keep], row[keep]
    size = len(words)
    together = coo_array((size, size))
    for apart in range(1, WINDOW + 1):
        same = row[apart:] == row[:-apart]
        left, right = flat[:-apart][same], flat[apart:][same]
        weight = np.full(len(left), 1 - (apart - 1) / WINDOW)
        both = (np.concatenate([left, right]), np.concatenate([right, left]))
        together = together + coo_array((np.tile(weight, 2), both), shape=(size, size))
    table = together.tocoo()
    if not table.nnz:
        return np.zeros((size, 1))
    totals = np.asarray(table.sum(axis=1)).ravel()
    smooth = totals**SMOOTHED
    share = table.data / totals.sum()
    chance = totals[table.row] / totals.sum() * smooth[table.col] / smooth.sum()
    positive = np.maximum(np.log(share / chance), 0)
    weighed = coo_array((positive, (table.row, table.col)), shape=(size, size)).tocsr()
    width = max(1, min(WIDTH, int(words.sum()) - 1))
    left, values, _ = randomized_svd(weighed, width, random_state=seed)
    vectors = left * np.sqrt(values)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
