"""Causal language modelling: the next token from those before it.

Radford et al. 2018, GPT, "Improving Language Understanding by Generative Pre-Training", section 3.1.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.evaluation.shown import Learnt
from chainrule.nets.shared import needs
from chainrule.training.objectives.shared import restored, samples

NOT_TOLD = -100


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


def show(objective: Causal, inputs: Any, facts: dict[str, Any], *, loss: float, seed: int) -> Learnt:
    """Return what the net says after the beginnings of validation texts, and its perplexity; loss: of all of them."""
    batch = restored.some(inputs, objective.net, seed)
    written = [samples.written(row, facts) for row in batch["input_ids"].tolist()]
    with torch.no_grad():
        result = objective(batch)
    per_character = float(result["loss"] * result["count"]) / max(1, sum(map(len, written)))
    numbers = {
        "perplexity": f"{math.exp(min(loss, 99)):.2f} per token",
        "loss": f"{loss:.3f} nats per token",
        f"of {len(written)} texts": f"{per_character:.3f} nats per character",
    }
    return Learnt(numbers, [samples.samples(objective.logits, batch, facts, "validation", seed)])
