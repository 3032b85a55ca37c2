"""A text moved against a model: words are left out, change places or are mistyped, the most important ones first.

Greedy search by importance as in Jin et al. 2020, "Is BERT really robust?", arXiv:1907.11932 (TextFooler), with the
slips of Gao et al. 2018, arXiv:1801.04354 (DeepWordBug), instead of synonyms, so that no language has to be known. The
model is only asked; how often, is bounded. What a person would read out of the text may change with a word that is
left out: the curve says how much hangs on few words.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from chainrule.evaluation.primary import Outputs
from chainrule.evaluation.robustness import draws
from chainrule.fields.scripts import apart, joined
from chainrule.fields.typos import mistyped
from chainrule.serving.padding import filled

Texts = Sequence[str]
"""The texts of a row, one per input field."""
Ask = Callable[[Sequence[int], Sequence[Texts]], Outputs]
"""What a model says of texts that stand in for those of the rows with these numbers."""
Loss = Callable[[Sequence[int], Outputs], np.ndarray]
"""How wrong that is, [n]: the more the worse."""
Right = Callable[[Sequence[int], Outputs], np.ndarray]
"""Whether it is right, bool [n]; a row that is wrong is let be."""


_ROUND = 4
"""Questions of one step: the text as it stands by then, and at most three others."""


class Row:
    """The words of a row by field, None where one is left out, and how far the search is."""

    def __init__(self, texts: Texts) -> None:
        """Take the row's texts."""
        split = [apart(text) for text in texts]
        self.words: list[str | None] = [word for words, _ in split for word in words]
        self.gaps = [gap for _, gaps in split for gap in gaps]
        self.field = [number for number, (words, _) in enumerate(split) for _ in words]
        self.fields = len(texts)
        self.count = len(self.words)
        self.changed = 0
        self.asked = 1  # the row as it is
        self.waiting: list[int] = []  # places, the most important last

    def texts(self, words: Sequence[str | None] | None = None) -> Texts:
        """Return the row's texts, or those that other words would make."""
        words = self.words if words is None else words
        own: list[tuple[list[str | None], list[str]]] = [([], []) for _ in range(self.fields)]
        for field, word, gap in zip(self.field, words, self.gaps, strict=True):
            own[field][0].append(word)
            own[field][1].append(gap)
        return [joined(*each) for each in own]

    def without(self, place: int) -> list[str | None] | None:
        """Return the words without one; None if it is the last of its field."""
        left = sum(
            word is not None and field == self.field[place] for word, field in zip(self.words, self.field, strict=True)
        )
        return None if left < 2 else [*self.words[:place], None, *self.words[place + 1 :]]

    def candidates(self, place: int, rng: np.random.Generator) -> Iterator[list[str | None]]:
        """Yield the words after each thing that can be done at a place."""
        word = self.words[place]
        if word is None:
            return
        if (without := self.without(place)) is not None:
            yield without
        after = next((at for at in range(place + 1, self.count) if self.words[at] is not None), None)
        if after is not None and self.field[after] == self.field[place] and self.words[after] != word:
            swapped = list(self.words)
            swapped[place], swapped[after] = swapped[after], word
            yield swapped
        if (slip := mistyped(word, rng, None)) != word:
            yield [*self.words[:place], slip, *self.words[place + 1 :]]


def attacked(
    texts: Sequence[Texts],
    ask: Ask,
    loss: Loss,
    right: Right,
    *,
    shares: Sequence[float],
    queries: int,
    seed: int,
) -> list[Outputs]:
    """Return what a model says of rows in which at most a share of the words is changed against it, by share.

    shares: ascending; of every row one word at least may change. queries: how often the model is asked about a row at
    most, half of them to find the important words. A row that is answered wrong is let be, so a larger share never
    helps.
    """
    rows = [Row(each) for each in texts]
    every = list(range(len(rows)))
    outputs = dict(ask(every, [row.texts() for row in rows]))
    worst, wrong = loss(every, outputs), ~right(every, outputs)
    open_rows = [place for place in every if not wrong[place]]
    _weigh(rows, open_rows, ask, loss, worst, queries, seed)
    found: list[Outputs] = []
    for share in shares:
        while (places := [place for place in open_rows if _may(rows[place], share, queries)]) and places:
            said = _round(rows, places, ask, loss, worst, seed)
            for name, array in said.items():
                outputs[name] = _put(outputs[name], places, array)
            done = dict(zip(places, ~right(places, said), strict=True))
            open_rows = [place for place in open_rows if not done.get(place, False)]
        found.append(dict(outputs))
    return found


def _put(answers: np.ndarray, places: Sequence[int], given: np.ndarray) -> np.ndarray:
    """Return answers [N, ...] with others in some places, as large as the largest of both."""
    none = (np.empty((0, *each.shape[1:]), each.dtype) for each in (given, answers))
    wide, others = (filled([each, other]) for each, other in zip((answers, given), none, strict=True))
    wide = wide.copy()
    wide[places] = others
    return wide


def _may(row: Row, share: float, queries: int) -> bool:
    return bool(row.waiting) and row.changed < max(1, int(share * row.count)) and row.asked + _ROUND <= queries


def _weigh(
    rows: Sequence[Row],
    places: Sequence[int],
    ask: Ask,
    loss: Loss,
    worst: np.ndarray,
    queries: int,
    seed: int,
) -> None:
    """Put the places of each row's words in the order of how much the loss rises without them."""
    owners, at, asked = [], [], []
    for place in places:
        row = rows[place]
        most = max(1, min(queries // 2, queries - _ROUND - 1))
        rng = draws.generator(seed, "important", 0, place)
        for word in sorted(rng.permutation(row.count)[:most].tolist()):
            if (without := row.without(word)) is not None:
                owners.append(place)
                at.append(word)
                asked.append(row.texts(without))
    if not asked:
        return
    rises = loss(owners, ask(owners, asked)) - worst[owners]
    ranked: dict[int, list[tuple[float, int]]] = {}
    for owner, word, rise in zip(owners, at, rises.tolist(), strict=True):
        ranked.setdefault(owner, []).append((rise, -word))
    for owner, found in ranked.items():
        rows[owner].waiting = [-word for _, word in sorted(found)]
        rows[owner].asked += len(found)


def _round(rows: Sequence[Row], places: Sequence[int], ask: Ask, loss: Loss, worst: np.ndarray, seed: int) -> Outputs:
    """Do the worst thing to the next word of each row, where that raises the loss; return what is said then."""
    owners: list[int] = []
    made: list[list[str | None]] = []
    for place in places:
        row = rows[place]
        word = row.waiting.pop()
        # Nothing done is a candidate, too: it says what the model says now.
        for words in (row.words, *row.candidates(word, draws.generator(seed, "slip", word, place))):
            owners.append(place)
            made.append(list(words))
    said = ask(owners, [rows[owner].texts(words) for owner, words in zip(owners, made, strict=True)])
    losses = loss(owners, said)
    best: dict[int, int] = {}
    for number, owner in enumerate(owners):
        rows[owner].asked += 1
        if owner not in best or losses[number] > losses[best[owner]]:
            best[owner] = number
    for owner, number in best.items():
        row = rows[owner]
        row.changed += made[number] != row.words
        row.words, worst[owner] = made[number], losses[number]
    return {name: array[[best[place] for place in places]] for name, array in said.items()}
