"""Masked-language modelling (Devlin et al. 2019, BERT, arXiv:1810.04805, section 3.1)."""

from typing import Any

import torch
from torch import Tensor, nn


class MaskedLanguage(nn.Module):
    """Predict the tokens hidden from an encoder; the decoder shares the input embeddings' weights."""

    special_ids: Tensor

    def __init__(
        self, net: nn.Module, vocabulary: int, mask_id: int, special_ids: Tensor, *, mask_ratio: float
    ) -> None:
        """Wrap an encoder that maps ids and mask [B, T] to hidden states [B, T, D].

        special_ids: tokens that are never hidden. mask_ratio: share of the other tokens that are predicted; of those
        80% become the mask token, 10% a random token, 10% stay.
        """
        super().__init__()
        self.net = net
        self.vocabulary = vocabulary
        self.mask_id = mask_id
        self.mask_ratio = mask_ratio
        width = int(net.out_features)  # type: ignore[arg-type]
        embedding_width = self._embeddings().shape[1]
        self.transform = nn.Sequential(nn.Linear(width, embedding_width), nn.GELU(), nn.LayerNorm(embedding_width))
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.register_buffer("special_ids", special_ids)

    def _embeddings(self) -> Tensor:
        return self.net.embeddings  # type: ignore[return-value]

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss (mean cross-entropy over the hidden tokens, nats), logits [M, V] and targets [M] of the M hidden
        tokens, and count [] = M. batch: input_ids and attention_mask, int64 [B, T].
        """
        ids, attention = batch["input_ids"], batch["attention_mask"]
        chosen = self._chosen(ids, attention)
        draw = torch.rand(ids.shape, device=ids.device)
        random_ids = torch.randint(self.vocabulary, ids.shape, device=ids.device)
        hidden_ids = torch.where(chosen & (draw < 0.8), self.mask_id, ids)
        hidden_ids = torch.where(chosen & (draw >= 0.9), random_ids, hidden_ids)
        # Only the hidden positions go through the wide decoder: it would cost more than a small encoder.
        states = self.net(hidden_ids, attention)[chosen]
        logits = nn.functional.linear(self.transform(states), self._embeddings(), self.bias).float()
        targets = ids[chosen]
        # The mean of nothing would be NaN; the sum of nothing is 0 and still has a gradient.
        loss = nn.functional.cross_entropy(logits, targets) if len(targets) else logits.sum()
        return {"loss": loss, "logits": logits, "targets": targets, "count": torch.tensor(len(targets))}

    def _chosen(self, ids: Tensor, attention: Tensor) -> Tensor:
        """Return which tokens are predicted, bool [B, T]: at least one in a batch that has any that may be hidden."""
        allowed = attention.bool() & ~torch.isin(ids, self.special_ids)
        score = torch.rand(ids.shape, device=ids.device).masked_fill(~allowed, 2.0)
        chosen = score < self.mask_ratio
        return chosen if bool(chosen.any()) else allowed & (score == score.min())


def build(net: nn.Module, facts: dict[str, Any], *, mask_ratio: float) -> MaskedLanguage:
    """Return the objective for an encoder and the facts of its inputs (vocabulary, mask_id, special_ids)."""
    return MaskedLanguage(
        net, facts["vocabulary"], facts["mask_id"], torch.tensor(facts["special_ids"]), mask_ratio=mask_ratio
    )
