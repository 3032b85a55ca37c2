"""Causal language modelling: the next token from those before it.

Radford et al. 2018, GPT, "Improving Language Understanding by Generative Pre-Training", section 3.1.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.evaluation.shown import Learnt, Passage, Passages, Piece
from chainrule.nets.shared import needs
from chainrule.training.objectives.shared import pieces, restored

NOT_TOLD = -100
SHOWN, PROMPT, SAMPLED, TEMPERATURE = 4, 8, 80, 0.8
"""Prompts, tokens of a prompt, tokens that follow it, and the temperature of those that are drawn."""


class Causal(nn.Module):
    """Predict every token of a text from those before it; the decoder is the input embedding."""

    def __init__(self, net: nn.Module) -> None:
        """Wrap a causal net that maps ids and mask [B, T] to states [B, T, D], D the width of its embeddings."""
        super().__init__()
        self.net = net

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss (mean cross-entropy of the tokens but each text's first, nats), logits [B, T - 1, V] and count []
        of tokens. batch: input_ids and attention_mask, int64 [B, T].
        """
        ids, attention = batch["input_ids"], batch["attention_mask"]
        logits = self.logits(ids[:, :-1], attention[:, :-1])
        targets = ids[:, 1:].masked_fill(~attention[:, 1:].bool(), NOT_TOLD)
        count = attention[:, 1:].sum()
        total = nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=NOT_TOLD, reduction="sum"
        )
        return {"loss": total / count.clamp(min=1), "logits": logits, "count": count}

    def logits(self, ids: Tensor, attention: Tensor) -> Tensor:
        """Return what may follow each token, float32 [B, T, V], of ids and attention mask, int64 [B, T]."""
        return nn.functional.linear(self.net(ids, attention), self.net.embeddings).float()  # type: ignore[arg-type]


def build(net: nn.Module, facts: dict[str, Any]) -> Causal:
    """Return the objective for a causal net; ParamsError for one whose tokens see what follows them."""
    needs.require(net, "causal", "causal")
    return Causal(net)


@torch.no_grad()
def generate(
    objective: Causal, ids: Tensor, length: int, longest: int, temperature: float, generator: torch.Generator
) -> Tensor:
    """Return ids int64 [B, T + length]: what the net says after ids int64 [B, T], which hold no padding.

    longest: the most tokens that the net sees, the last ones. temperature: of the probabilities that tokens are drawn
    by; 0 takes the likeliest.
    """
    for _ in range(length):
        seen = ids[:, -longest:]
        logits = objective.logits(seen, torch.ones_like(seen))[:, -1]
        if temperature:
            chances = (logits / temperature).softmax(dim=1).cpu()
            following = torch.multinomial(chances, 1, generator=generator).to(ids.device)
        else:
            following = logits.argmax(dim=1, keepdim=True)
        ids = torch.cat([ids, following], dim=1)
    return ids


def show(objective: Causal, inputs: Any, facts: dict[str, Any], *, loss: float, seed: int) -> Learnt:
    """Return what the net says after the beginnings of validation texts, and its perplexity; loss: of all of them."""
    batch = restored.some(inputs, objective.net, seed)
    written = [_written(row, facts) for row in batch["input_ids"].tolist()]
    with torch.no_grad():
        result = objective(batch)
    per_character = float(result["loss"] * result["count"]) / max(1, sum(map(len, written)))
    prompts = batch["input_ids"][batch["attention_mask"].sum(dim=1) > PROMPT][:SHOWN, :PROMPT]
    ways = {"the likeliest": 0.0, f"drawn at temperature {TEMPERATURE}": TEMPERATURE}
    texts = []
    for way, temperature in ways.items() if len(prompts) else ():
        drawn = torch.Generator().manual_seed(seed)
        found = generate(objective, prompts, SAMPLED, facts["max_length"], temperature, drawn)
        texts.append([Passage([Piece(_continued(row, facts))], way) for row in found.tolist()])
    numbers = {
        "perplexity": f"{math.exp(min(loss, 99)):.2f} per token",
        "loss": f"{loss:.3f} nats per token",
        f"of {len(written)} texts": f"{per_character:.3f} nats per character",
    }
    note = "Beginnings of validation texts, and behind ▸ what the net says next."
    return Learnt(numbers, [Passages("Samples", note, [each for pair in zip(*texts, strict=True) for each in pair])])


def _continued(ids: list[int], facts: dict[str, Any]) -> str:
    """Return a prompt and what followed it, up to the end of the text."""
    special = {*facts["special_ids"]} - {facts["unknown_id"]}
    end = next((place for place, token in enumerate(ids) if place >= PROMPT and token in special), len(ids))
    return f"{_written(ids[:PROMPT], facts)} ▸ {_written(ids[PROMPT:end], facts)}"


def _written(ids: list[int], facts: dict[str, Any]) -> str:
    special = {*facts["special_ids"]} - {facts["unknown_id"]}
    known = pieces.of(facts["tokenizer"], facts["vocabulary"])
    return "".join(known.pieces([token for token in ids if token not in special]))
