"""Scores of texts that were written, beside what a person wrote; a model's output is `text` [N, L], code points.

- bleu: PRIMARY. Papineni et al. 2002 (https://doi.org/10.3115/1073083.1073135) as sacreBLEU counts it (Post 2018,
  arXiv:1804.08771), of the corpus, with one reference, its case, its tokens (`13a`; `zh` where references are Chinese)
  and its exponential smoothing. Its signature is among the details.
- chrf: chrF2 (Popović 2015, https://doi.org/10.18653/v1/W15-3049): F2 of the n-grams of 1 to 6 characters, without
  blanks.
- brevity_penalty: what BLEU is multiplied by where the texts are shorter than the references, all in all.
- exact: share of the texts that are the reference.

BLEU and chrF are functions of counts that add up over rows, so that they have the intervals and the comparisons that
every other metric has. A row without an answer (a NaN) is an empty text.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Facts, Found, Metrics, Outputs, Primary, Score
from chainrule.fields.wording import texts

UNIT = "points"
PRIMARY = Primary("bleu", more_is_better=True, unit=UNIT)
SCORES = (
    Score("bleu", "BLEU", more_is_better=True, unit=UNIT),
    Score("chrf", "chrF2", more_is_better=True, unit=UNIT),
    Score("brevity_penalty", "Brevity penalty", more_is_better=True),
    Score("exact", "Same as the reference", more_is_better=True),
)
HEADLINE = ("chrf",)
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = "Texts are the likeliest that a beam search finds; validation rows chose the epoch, and nothing else."
ORDERS, CHARACTERS = 4, 6
"""The longest n-grams of words that BLEU counts, and of characters that chrF does."""
_BETA = 2.0
_WIDTH = 4 + 2 * ORDERS + 3 * CHARACTERS


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 30], what each row adds; `target` int [N, L].

    In order: rows, those that are the reference, words written, words of the reference; of the n-grams of 1 to 4 words
    those that both have, then those written; of each order of characters those written, of the reference and of both.
    Raises ValueError when the arrays do not fit together.
    """
    if len(outputs["text"]) != len(target):
        raise ValueError(f"{len(outputs['text'])} texts and {len(target)} references")
    score = words_of(facts)
    pairs = zip(texts(outputs["text"]), texts(target), strict=True)
    found = np.array([_row(*pair, score) for pair in pairs], np.float64)
    return found.reshape(len(target), _WIDTH)


def words_of(facts: Facts) -> Any:
    """Return sacreBLEU's BLEU with the tokens that the facts name."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=facts.get("tokens", "13a"), effective_order=True)


def _row(said: str, true: str, score: Any) -> list[float]:
    found = score.sentence_score(said, [true])
    counts = [*found.counts, *found.totals]
    characters = [number for one, other in zip(_grams(said), _grams(true), strict=True) for number in _met(one, other)]
    return [1, said == true, found.sys_len, found.ref_len, *counts, *characters]


def _grams(value: str) -> Iterator[Counter[str]]:
    """Yield how often each n-gram of characters occurs in a text without its blanks, of each order."""
    bare = "".join(value.split())
    for size in range(1, CHARACTERS + 1):
        yield Counter(bare[at : at + size] for at in range(len(bare) - size + 1))


def _met(said: Counter[str], true: Counter[str]) -> tuple[int, int, int]:
    """Return how many there are in a text, in its reference and in both; none of a text whose reference has none."""
    return said.total() if true else 0, true.total(), (said & true).total()


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores [...] of sums [..., 30]; BLEU and chrF are from 0 to 100."""
    sums = np.asarray(sums, np.float64)
    rows, exact, said, true = np.moveaxis(sums[..., :4], -1, 0)
    counts = sums[..., 4 : 4 + 2 * ORDERS]
    short = (said < true) & (said > 0)
    brevity = np.where(short, np.exp(1 - true / np.where(short, said, 1)), (said > 0).astype(np.float64))
    found = precisions(counts[..., :ORDERS], counts[..., ORDERS:])
    some = (found > 0).all(axis=-1) & (counts[..., 0] > 0)
    mean = np.exp(np.log(np.where(some[..., None], found, 1)).mean(axis=-1))
    return {
        "bleu": np.where(some, 100 * brevity * mean, 0.0),
        "chrf": _f_score(sums[..., 4 + 2 * ORDERS :]),
        "brevity_penalty": brevity,
        "exact": exact / rows,
    }


def precisions(both: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Return the share [..., 4] of the n-grams written that the references have, 0 where none is written.

    Orders without any in common count half as much as the one before would have (mteval-v13a's smoothing).
    """
    halved = 2.0 ** np.cumsum((both == 0) & (said > 0), axis=-1)
    some = np.where(said > 0, said, 1)
    return np.where(said > 0, np.where(both > 0, both / some, 1 / (halved * some)), 0.0)


def _f_score(counts: np.ndarray) -> np.ndarray:
    """Return chrF [...] of counts [..., 18]: means over the orders that both sides have, then their F2."""
    said, true, both = np.moveaxis(counts.reshape(*counts.shape[:-1], CHARACTERS, 3), -1, 0)
    used = (said > 0) & (true > 0)
    orders = np.maximum(used.sum(axis=-1), 1)
    share, recall = (np.where(used, both / np.where(used, of, 1), 0).sum(axis=-1) / orders for of in (said, true))
    weight = _BETA**2
    some = share + recall > 0
    return np.where(some, 100 * (1 + weight) * share * recall / np.where(some, weight * share + recall, 1), 0.0)


def details(found: Found, facts: Facts) -> dict[str, Any]:
    """Return the signature of BLEU, by which anyone else can count it again."""
    from sacrebleu.metrics.bleu import BLEU

    score = BLEU(tokenize=facts.get("tokens", "13a"))
    score.corpus_score(["a"], [["a"]])  # it knows of how many references only then
    return {"signature": str(score.get_signature())}


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return where two models wrote the same text, bool [N]; no answer agrees with none."""
    answered = ~(np.isnan(ours["text"]).any(axis=1) | np.isnan(theirs["text"]).any(axis=1))
    pairs = zip(texts(ours["text"]), texts(theirs["text"]), strict=True)
    return np.asarray(answered & np.array([one == other for one, other in pairs], bool))


def comparable(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return what must not change with the rows beside one: the mean probability of a text's tokens [N, 1]."""
    return np.asarray(np.exp(np.asarray(outputs["score"], np.float64))[:, None])


def joined(facts: Sequence[Facts], names: Sequence[str]) -> Facts:
    """Return the facts by which several models are compared: those of the first."""
    return facts[0]


def aligned(outputs: Outputs, facts: Facts, joint: Facts) -> Outputs:
    """Return a model's outputs as they are: a text means the same to all."""
    return outputs


def by_row(outputs: Outputs, target: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores [N] of each row by itself."""
    return metrics(statistics(outputs, target, facts), facts)
