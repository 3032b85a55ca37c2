"""What was hidden of texts and what a net put in its place, as plain data."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.evaluation.shown import Learnt, Passage, Passages, Piece
from chainrule.training.objectives.shared import pieces

COUNTED, SHOWN = 64, 8
"""Texts over which shares are counted, and texts that are shown."""


def some(inputs: Any, net: nn.Module, seed: int, count: int = COUNTED) -> dict[str, Tensor]:
    """Return some rows of the inputs as one batch where the net is, and seed what is drawn next."""
    torch.manual_seed(seed)
    index = torch.randperm(len(inputs))[:count]
    device = next(net.parameters()).device
    return {name: tensor.to(device) for name, tensor in inputs.take(index, None).items()}


def learnt(ids: Tensor, result: dict[str, Tensor], facts: dict[str, Any], loss: float) -> Learnt:
    """Return texts with what came back; ids int64 [B, T], result: of an objective that hid tokens of them."""
    told = result["told"]
    said = result["logits"].argmax(dim=1)
    right = int(((said == result["targets"]) & told).sum())
    count = int(told.sum())
    share = f"{right / count:.1%} of {count:,}" if count else "none was hidden"
    back = dict(zip(result["places"][told].tolist(), said[told].tolist(), strict=True))
    note = "What was hidden is marked: what came back, and behind it, where it is another, what stood there."
    texts = [Passage(marked(row, ids.shape[1] * place, back, facts)) for place, row in enumerate(ids[:SHOWN].tolist())]
    return Learnt(
        {"perplexity of hidden tokens": f"{math.exp(min(loss, 99)):.1f}", "hidden tokens that came back": share},
        [Passages("What was hidden and what came back", note, texts)],
    )


def marked(ids: list[int], start: int, back: dict[int, int], facts: dict[str, Any]) -> list[Piece]:
    """Return a text in pieces, with what came back by place from `start`; special tokens are left out."""
    known = pieces.of(facts["tokenizer"], facts["vocabulary"])
    special = {*facts["special_ids"]} - {facts["unknown_id"]}
    kept = [place for place, token in enumerate(ids) if token not in special]
    written = known.pieces([ids[place] for place in kept])
    found = []
    for place, text in zip(kept, written, strict=True):
        if start + place in back:
            space = " " if text.startswith(" ") else ""
            found.append(Piece(space + known.texts[back[start + place]], text.strip() or text))
        else:
            found.append(Piece(text))
    return found
