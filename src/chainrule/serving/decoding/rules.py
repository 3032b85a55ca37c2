"""What a model's tokens mean to whoever decodes: which end a text, which never come, which comes first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.serving.decoding.settings import Settings


@dataclass(frozen=True)
class Rules:
    """Tokens with a meaning. See `decoding`."""

    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    never: tuple[int, ...] = ()
    first: int | None = None
    positions: int = 2**31
    """The most tokens of a sequence, start and prompt included."""
    defaults: Settings = field(default_factory=Settings)

    def allowed(self, scores: np.ndarray, made: int) -> np.ndarray:
        """Return scores float32 [R, V], minus infinity for tokens that may not come next; made: tokens so far."""
        if not self.never and (made or self.first is None):
            return scores
        scores = scores.copy()
        if self.never:
            scores[:, list(self.never)] = -np.inf
        if self.first is not None and not made:
            scores[:, np.arange(scores.shape[1]) != self.first] = -np.inf
        return scores


def of_signature(block: Mapping[str, Any]) -> Rules:
    """Return the rules of a signature's `decoding`."""
    return Rules(
        tuple(block.get("start", ())),
        tuple(block.get("end", ())),
        tuple(block.get("never", ())),
        block.get("first"),
        int(block.get("positions", 2**31)),
        Settings(**block.get("defaults", {})),
    )
