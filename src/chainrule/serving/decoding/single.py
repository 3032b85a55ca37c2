"""One row, one token after the other: the likeliest each time, or one that is drawn."""

import numpy as np

from chainrule.serving.decoding.rules import Rules
from chainrule.serving.decoding.sampling import kept
from chainrule.serving.decoding.search import ENDED, LENGTH, Found, Token, likeliest, log_softmax
from chainrule.serving.decoding.settings import Settings


class Single:
    """Greedy search (no temperature), or sampling; one uniform number of the request's own decides each token.

    So what else is decoded at the time plays no part, and nothing but float rounding of the logits could.
    """

    width = 1

    def __init__(self, rules: Rules, settings: Settings, most: int) -> None:
        """Take at most `most` tokens."""
        self._rules, self._settings, self._most = rules, settings, most
        self._draw = np.random.Generator(np.random.PCG64(settings.seed)) if settings.temperature else None
        self._found = Found()
        self._told: list[Token] = []
        self.done = most < 1

    def advance(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `search.Search`."""
        found, settings = self._found, self._settings
        logprobs = log_softmax(logits)[0]
        allowed = self._rules.allowed(logits, len(found.tokens))[0]
        if self._draw is None:
            token = int(allowed.argmax())
        else:
            chances = kept(allowed, settings.temperature, settings.top_k, settings.top_p)
            cumulative = chances.cumsum()
            place = int(np.searchsorted(cumulative, self._draw.random() * cumulative[-1], side="right"))
            token = min(place, int(np.flatnonzero(chances)[-1]))  # a product may round up to the sum itself
        others = likeliest(logprobs, settings.alternatives) if settings.alternatives else ()
        logprob = float(logprobs[token])
        self._told.append(Token(token, logprob, tuple((int(each), float(logprobs[each])) for each in others)))
        found.tokens.append(token)
        found.logprobs.append(logprob)
        found.path.append(0)
        found.score += logprob
        if token in self._rules.end:
            found.reason, self.done = ENDED, True
        elif len(found.tokens) >= self._most:
            found.reason, self.done = LENGTH, True
        return np.array([token]), np.zeros(1, np.int64)

    def fresh(self) -> list[Token]:
        """See `search.Search`."""
        told, self._told = self._told, []
        return told

    def best(self) -> Found:
        """See `search.Search`."""
        return self._found
