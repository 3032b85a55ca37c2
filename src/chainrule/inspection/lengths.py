"""How long texts are, and what a recipe has to say so that all of a long one is read."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from chainrule.inspection.examples import Examples
from chainrule.system import plugins

USUAL = 128
"""Tokens that are kept of a text if the recipe says nothing."""
CHARACTERS = 2000
"""Characters that are kept of a text if the recipe says nothing."""
NET, WINDOW, OVERLAP = 512, 256, 32
"""Tokens that a net takes at once; of longer texts the tokens of a window, and those that it shares with the next."""
MOST_WINDOWS, MOST_CHARACTERS = 64, 100_000
"""Windows of a text, and its characters, beyond which a recipe asks for no more by itself."""
FEW = 0.01
"""Share of the texts that may be longer than what is kept of them."""


class Kept(NamedTuple):
    """What is kept of texts.

    normalise: of `clean.normalise`; tokenizer: of `pretrain.tokenizer`, empty for what is usual; longest: tokens of a
    window or of a whole text.
    """

    normalise: dict[str, Any]
    tokenizer: dict[str, Any]
    longest: int


def kept(found: Examples, tokens: float, why: list[str]) -> Kept:
    """Return what keeps all of the texts but a few; tokens: for a character; `why` gets a line on what is long."""
    normalise = _characters(found, why)
    most = normalise.get("max_characters", CHARACTERS)
    lengths = sorted(int(tokens * sum(min(len(text), most) for text in row)) for row in found.texts) or [USUAL]
    usual = lengths[int((1 - 2 * FEW) * (len(lengths) - 1))]
    if usual + 3 <= NET:
        longest = room(usual)
        return Kept(normalise, {"max_length": longest} if longest > USUAL else {}, longest)
    share = sum(length + 3 > NET for length in lengths) / len(lengths)
    if not getattr(plugins.load(f"tasks.{found.task}", "fields"), "WINDOWS", False):
        why.append(
            f"length: {share:.0%} of the rows have more than about {NET} tokens and are cut there, which is counted"
        )
        return Kept(normalise, {"max_length": NET}, NET)
    windows = min(MOST_WINDOWS, 1 + -(-lengths[-1] // (WINDOW - OVERLAP - 2)))
    why.append(
        f"length: {share:.0%} of the texts have more than about {NET} tokens; all are read in windows of {WINDOW}, at "
        f"most {windows} a text, and what is behind the last is counted"
    )
    return Kept(normalise, {"max_length": WINDOW, "windows": {"overlap": OVERLAP, "most": windows}}, WINDOW)


def room(tokens: int) -> int:
    """Return the tokens to keep of texts of so many: to keep more than a batch has is free."""
    return max(USUAL, min(NET, -(-(tokens + 3) // 32) * 32))


def _characters(found: Examples, why: list[str]) -> dict[str, Any]:
    """Return how many characters are kept where the usual number cuts more than a few texts."""
    lengths: Sequence[int] = sorted(len(text) for row in found.texts for text in row)
    if sum(length > CHARACTERS for length in lengths) <= FEW * len(lengths):
        return {}
    most = min(MOST_CHARACTERS, -(-lengths[-1] // 1000) * 1000)
    why.append(f"clean: up to {most:,} characters of a text are kept, for the longest here has {lengths[-1]:,}")
    return {"max_characters": most}
