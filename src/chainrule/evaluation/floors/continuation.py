"""Floors of texts that go on: how often each token is, and an n-gram model, of the tokens that the model reads.

Interpolated Kneser-Ney (Kneser and Ney 1995, "Improved backing-off for m-gram language modeling"; Chen and Goodman
1999, "An empirical study of smoothing techniques for language modeling", section 2.7): a shorter n-gram counts once for
every token that was met before it, and of every count a discount goes to the shorter one's chance.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.tokens import byte_lengths, encoded

ORDERS = (2, 3, 4, 5, 6)
HELD_OUT = 0.1
"""Share of the training rows that chooses the order."""


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
    """Return by name the "nats", "bytes" and "told" [N_test, T] of each floor.

    train, test: [texts]; facts: with the model's `tokenizer` as JSON. The order of the n-grams is that which tells the
    last tenth of the training rows best, in a random order by the seed.
    """
    tokenizer = facts["tokenizer"]
    known, asked = (encoded(texts[0], tokenizer) for texts in (train, test))
    order = np.random.default_rng(seed).permutation(len(known))
    kept = max(1, round(len(known) * HELD_OUT))
    held = [known[place] for place in order[-kept:]]
    rest = [known[place] for place in order[:-kept]] or held
    vocabulary = len(byte_lengths(tokenizer))
    tried = costs(rest, held, vocabulary, max(ORDERS))
    best = min(progress(ORDERS, "choose n-grams", "orders"), key=lambda size: tried[size - 1].sum())
    found = costs(known, asked, vocabulary, best)
    lengths = np.array(byte_lengths(tokenizer), np.float64)
    return {
        "unigram": _outputs(found[0], asked, lengths),
        f"kneser_ney_{best}": _outputs(found[best - 1], asked, lengths),
    }


def _outputs(nats: np.ndarray, rows: Sequence[np.ndarray], lengths: np.ndarray) -> Outputs:
    """Return the outputs [N, T] of the costs of all tokens of rows end to end; a row's first token is not told."""
    sizes = np.array([len(row) for row in rows])
    places = np.arange(sizes.max(initial=1))
    real = places < sizes[:, None]
    told = real & (places > 0)
    cost, read = np.zeros(real.shape), np.zeros(real.shape)
    cost[real] = nats
    read[real] = lengths[np.concatenate(rows)]
    return {"nats": cost * told, "bytes": read * told, "told": told.astype(np.float64)}


class _Grams(NamedTuple):
    """Of n-grams of one order, a number for each, [tokens of all rows]; -1 where a row has not as many before."""

    own: np.ndarray
    before: np.ndarray
    """The number of the n-gram without its last token: that of what is before."""
    kinds: int
    contexts: int


def costs(known: Sequence[np.ndarray], asked: Sequence[np.ndarray], vocabulary: int, most: int) -> list[np.ndarray]:
    """Return for n-grams of each order from 1 to `most` what each token of rows costs, in nats: [order], [tokens].

    known: ids of the rows that are counted; asked: of those that are told; vocabulary: how many tokens there are.
    """
    rows = [*known, *asked]
    flat = np.concatenate(rows)
    place = np.concatenate([np.arange(len(row)) for row in rows])
    counted = np.zeros(len(flat), bool)
    counted[: sum(map(len, known))] = True
    grams = _grams(flat, place, most)
    found: list[np.ndarray] = []
    below = np.full(len(flat), 1 / vocabulary)  # of what was never met
    for order in range(most):
        # Of all orders that are asked for the longest counts what it met, and the shorter ones once each.
        whole = _chances(grams, order, counted, place, below, raw=True)
        found.append(-np.log(whole[~counted]))
        below = _chances(grams, order, counted, place, below, raw=False)
    return found


def _grams(flat: np.ndarray, place: np.ndarray, most: int) -> list[_Grams]:
    """Return the n-grams of every order from 1 to `most` that end at each token."""
    found: list[_Grams] = []
    before, contexts = np.zeros(len(flat), np.int64), 1
    for order in range(most):
        inside = place >= order
        pairs = before[inside] * (int(flat.max(initial=0)) + 1) + flat[inside]
        names, own = np.unique(pairs, return_inverse=True)
        number = np.full(len(flat), -1, np.int64)
        number[inside] = own
        found.append(_Grams(number, np.where(inside, before, -1), len(names), contexts))
        before = np.concatenate([[-1], number[:-1]])  # of the next order: what ended one token before
        contexts = len(names)
    return found


def _chances(
    grams: Sequence[_Grams], order: int, counted: np.ndarray, place: np.ndarray, below: np.ndarray, *, raw: bool
) -> np.ndarray:
    """Return the chance of every token after the `order` tokens before it; `below`: that after one fewer."""
    own, before, count, contexts = grams[order]
    if raw or order + 1 == len(grams):
        met = np.bincount(own[counted & (own >= 0)], minlength=count)
        heads = before[counted & (own >= 0)]
        tails = own[counted & (own >= 0)]
    else:
        longer = grams[order + 1]
        _, first = np.unique(np.where(counted, longer.own, -1), return_index=True)
        # Once for every token before it, and as often as it begins a row, where nothing can be before.
        alone = np.flatnonzero(counted & (place == order))
        once = np.concatenate([first[counted[first] & (longer.own[first] >= 0)], alone])
        met = np.bincount(own[once], minlength=count)
        heads, tails = before[once], own[once]
    head = np.zeros(count, np.int64)
    head[tails] = heads
    ones, twos = (int((met == times).sum()) for times in (1, 2))
    discount = ones / (ones + 2 * twos) if ones and twos else 0.5
    total = np.bincount(head, weights=met, minlength=contexts)
    kinds = np.bincount(head[met > 0], minlength=contexts)
    here = own >= 0
    of = before[here]
    seen = total[of] > 0
    kept = np.maximum(met[own[here]] - discount, 0) / np.where(seen, total[of], 1)
    shared = np.where(seen, discount * kinds[of] / np.where(seen, total[of], 1), 1.0)
    chances = below.copy()
    chances[here] = np.where(seen, kept, 0) + shared * below[here]
    return chances
