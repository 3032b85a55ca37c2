"""What a net that tells the next token says after the beginnings of some texts."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from chainrule.evaluation.shown import Passage, Passages, Piece
from chainrule.training.objectives.shared import pieces

SHOWN, PROMPT, SAMPLED, TEMPERATURE = 4, 8, 80, 0.8
"""Prompts, tokens of a prompt, tokens that follow it, and the temperature of those that are drawn."""
Following = Callable[[Tensor, Tensor], Tensor]
"""What may follow each token, float32 [B, T, V], of ids and attention mask, int64 [B, T]."""


def samples(following: Following, batch: dict[str, Tensor], facts: dict[str, Any], whose: str, seed: int) -> Passages:
    """Return the beginnings of the batch's first texts that are long enough, with what is said next, in two ways.

    batch: input_ids and attention_mask, int64 [B, T]; facts: of a text's inputs; whose: of which rows the texts are.
    """
    prompts = batch["input_ids"][batch["attention_mask"].sum(dim=1) > PROMPT][:SHOWN, :PROMPT]
    ways = {"the likeliest": 0.0, f"drawn at temperature {TEMPERATURE}": TEMPERATURE}
    texts = []
    for way, temperature in ways.items() if len(prompts) else ():
        drawn = torch.Generator().manual_seed(seed)
        found = generate(following, prompts, SAMPLED, facts["max_length"], temperature, drawn)
        texts.append([Passage([Piece(_continued(row, facts))], way) for row in found.tolist()])
    note = f"Beginnings of {whose} texts, and behind ▸ what the net says next."
    return Passages("Samples", note, [each for pair in zip(*texts, strict=True) for each in pair])


@torch.no_grad()
def generate(
    following: Following, ids: Tensor, length: int, longest: int, temperature: float, generator: torch.Generator
) -> Tensor:
    """Return ids int64 [B, T + length]: what the net says after ids int64 [B, T], which hold no padding.

    longest: the most tokens that the net sees, the last ones. temperature: of the probabilities that tokens are drawn
    by; 0 takes the likeliest.
    """
    for _ in range(length):
        seen = ids[:, -longest:]
        logits = following(seen, torch.ones_like(seen))[:, -1]
        if temperature:
            chances = (logits / temperature).softmax(dim=1).cpu()
            token = torch.multinomial(chances, 1, generator=generator).to(ids.device)
        else:
            token = logits.argmax(dim=1, keepdim=True)
        ids = torch.cat([ids, token], dim=1)
    return ids


def written(ids: list[int], facts: dict[str, Any]) -> str:
    """Return the text of some tokens, special ones left out."""
    special = {*facts["special_ids"]} - {facts["unknown_id"]}
    known = pieces.of(facts["tokenizer"], facts["vocabulary"])
    return "".join(known.pieces([token for token in ids if token not in special]))


def _continued(ids: list[int], facts: dict[str, Any]) -> str:
    """Return a prompt and what followed it, up to the end of the text."""
    special = {*facts["special_ids"]} - {facts["unknown_id"]}
    end = next((place for place, token in enumerate(ids) if place >= PROMPT and token in special), len(ids))
    return f"{written(ids[:PROMPT], facts)} ▸ {written(ids[PROMPT:end], facts)}"
