"""What a first recipe of a language model has: tokens, a net as large as the text can teach, and passes over it."""

from typing import Any

from chainrule.inspection.examples import Examples
from chainrule.inspection.prose import CUT, tokens

LENGTH = 256
"""Tokens that the net takes."""
IDEOGRAPHS, PARTS = 8000, 4000
"""Tokens at most: of characters, of byte pairs."""
SMALL, LARGE = 3_000_000, 30_000_000
"""Characters of texts under which the net is a small one, and a middling one."""
SIZES = (
    {"layers": 4, "width": 128, "heads": 4},
    {"layers": 6, "width": 256, "heads": 8},
    {"layers": 8, "width": 512, "heads": 8},
)


def blocks(found: Examples, why: list[str]) -> dict[str, Any]:
    """Return the blocks of a recipe from nothing; `why` gets a line."""
    characters = found.parts.get("train", found.rows) * int(found.source["cut"])
    kind = "characters" if found.source["cut"] == CUT["characters"] else "bytes"
    size = SIZES[(characters >= SMALL) + (characters >= LARGE)]
    epochs = 8 if characters < SMALL else 4 if characters < LARGE else 1
    held = "hold_out" in found.source or found.parts
    said = "characters" if kind == "characters" else f"at most {PARTS:,} pairs of bytes, so that nothing is unknown"
    why.append(
        f"net: a GPT of {size['layers']} layers, {size['width']} wide, from nothing, on {said}; {epochs} epochs for "
        f"{characters:,} characters; the report holds it against n-grams of the same tokens"
    )
    tokenizer = {"kind": kind, "vocabulary": IDEOGRAPHS if kind == "characters" else PARTS, "max_length": LENGTH}
    return {
        "clean": {},
        "augment": {},
        "base": {"from": "nothing"},
        "net": {"name": "gpt", **size, "max_length": LENGTH, "dropout": 0.1 if epochs > 4 else 0.0},
        "pretrain": {
            "objective": {"name": "none"},
            "tokenizer": {**tokenizer, **({"ends": False} if held else {})},
        },
        "finetune": {"strategy": {"name": "full"}, "epochs": epochs, "learning_rate": 0.002},
    }


def vectors(why: list[str]) -> dict[str, Any]:
    """Return the blocks of a recipe of word vectors; `why` gets a line."""
    why.append("net: a vector for each word, by its neighbours; the report holds it against counts of what stands near")
    return {
        "clean": {},
        "augment": {},
        "base": {"from": "nothing"},
        "net": {"name": "vectors"},
        "pretrain": {"objective": {"name": "none"}},
        "finetune": {"strategy": {"name": "full"}},
    }


__all__ = ["blocks", "tokens", "vectors"]
