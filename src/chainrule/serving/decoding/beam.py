"""Beam search, as `transformers.generate` defines it: the same beams, scores and early ends."""

import numpy as np

from chainrule.serving.decoding.rules import Rules
from chainrule.serving.decoding.search import ENDED, LENGTH, Found, Token, likeliest, log_softmax
from chainrule.serving.decoding.settings import Settings

_OUT = np.float32(-1e9)
"""The score of what is out of the race."""


class Beam:
    """The best `beams` continuations by log-probability; finished ones compete by it over tokens ** length_penalty.

    Of each step the best 2 × beams (more where several tokens end a text) are looked at: those that end, and are among
    the best `beams`, are finished, the best others go on. The search is done when no beam that goes on would beat the
    worst of the finished at its present length, when `early_stopping` is on and as many as there are beams are
    finished, or at the most tokens.
    """

    def __init__(self, rules: Rules, settings: Settings, most: int) -> None:
        """Take at most `most` tokens."""
        self._rules, self._penalty, self._early = rules, settings.length_penalty, settings.early_stopping
        self._most = most
        self.width = settings.beams
        self._keep = max(2, 1 + len(rules.end)) * self.width
        self._scores = np.full(self.width, _OUT, np.float32)
        self._scores[0] = 0
        self._running = [Found() for _ in range(self.width)]
        self._finished: list[tuple[np.float32, Found]] = []
        self._begun = False
        self._told = False
        self.done = most < 1

    def advance(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `search.Search`."""
        rows = len(logits)
        logprobs = log_softmax(logits)
        made = len(self._running[0].tokens)
        allowed = self._rules.allowed(logprobs, made)
        if rows < self.width:  # all begin with the one row that there is
            allowed, logprobs = (np.repeat(each, self.width, axis=0) for each in (allowed, logprobs))
        totals = (allowed + self._scores[:, None]).ravel()
        places = likeliest(totals, self._keep)
        size = logits.shape[1]
        candidates = [self._followed(int(place), size, rows, logprobs, totals) for place in places]
        last = made + 1 >= self._most
        ends = [last or each.tokens[-1] in self._rules.end for each in candidates]
        scores = totals[places]
        for place, (each, ended) in enumerate(zip(candidates, ends, strict=True)):
            if ended and place < self.width:
                self._finish(each, scores[place])
        open_scores = scores + np.where(ends, _OUT, np.float32(0))
        best = likeliest(open_scores, self.width)
        self._scores = open_scores[best]
        self._running = [candidates[place] for place in best]
        self.done = all(ends) or (self._early and len(self._finished) == self.width) or not self._may_improve()
        tokens, sources = zip(*((each.tokens[-1], each.path[-1]) for each in self._running), strict=True)
        return np.array(tokens), np.array(sources)

    def fresh(self) -> list[Token]:
        """See `search.Search`."""
        if not self.done or self._told:
            return []
        self._told = True
        found = self.best()
        return [Token(token, logprob) for token, logprob in zip(found.tokens, found.logprobs, strict=True)]

    def best(self) -> Found:
        """See `search.Search`."""
        return self._finished[0][1] if self._finished else self._running[0]

    def _followed(self, place: int, size: int, rows: int, logprobs: np.ndarray, totals: np.ndarray) -> Found:
        row, token = divmod(place, size)
        before = self._running[row]
        return Found(
            [*before.tokens, token],
            [*before.logprobs, float(logprobs[row, token])],
            [*before.path, min(row, rows - 1)],
            float(totals[place]),
        )

    def _finish(self, found: Found, total: np.float32) -> None:
        found.reason = ENDED if found.tokens[-1] in self._rules.end else LENGTH
        score = np.float32(total / np.float32(len(found.tokens) ** self._penalty))
        found.score = float(score)
        kept = sorted([*self._finished, (score, found)], key=lambda each: -each[0])
        self._finished = kept[: self.width]

    def _may_improve(self) -> bool:
        if len(self._finished) < self.width:
            return True
        best = self._scores[0] / np.float32(len(self._running[0].tokens) ** self._penalty)
        return bool(best > self._finished[-1][0])
