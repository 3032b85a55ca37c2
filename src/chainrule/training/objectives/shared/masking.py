"""Hiding tokens from a net that is to tell them: which, what stands in their place, and how they are told.

Devlin et al. 2019, BERT (arXiv:1810.04805), section 3.1.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from chainrule.system.errors import ParamsError
from chainrule.training.objectives.shared import pieces

ONE_MASK, ONE_OTHER = 0.8, 0.1
"""Shares of the hidden tokens that become the mask, and any other token; the rest stays as it is."""
NOT_TO_HIDE = 2.0


class Hidden(NamedTuple):
    """Ids int64 [B, T] as a net sees them, and places int64 [K] of [B·T] of which those that are `told`, bool [K],
    are hidden.

    K is of the shape of the batch alone, so that no step waits for a number that is still on its way.
    """

    ids: Tensor
    places: Tensor
    told: Tensor


class Masking(nn.Module):
    """Hide tokens, and tell them from a net's states; the decoder shares the input embedding."""

    special_ids: Tensor
    begins: Tensor

    def __init__(self, net: nn.Module, facts: dict[str, Any], *, mask_ratio: float, whole_word: bool) -> None:
        """Take width and embedding from a net for texts; vocabulary, mask_id, special_ids, tokenizer from the facts.

        mask_ratio: share of the tokens that may be hidden (no special ones) that are. whole_word: all tokens of a word
        are hidden together (Cui et al. 2021, arXiv:1906.08101). Raises ParamsError where no token is the mask.
        """
        super().__init__()
        if facts["mask_id"] == facts["pad_id"]:
            raise ParamsError("pretrain.objective: the base's tokenizer has no token that stands for a hidden one")
        embeddings: Tensor = net.embeddings  # type: ignore[assignment]
        width, embedding_width = int(net.out_features), embeddings.shape[1]  # type: ignore[arg-type]
        self.vocabulary, self.mask_id = int(facts["vocabulary"]), int(facts["mask_id"])
        self.mask_ratio, self.whole_word = mask_ratio, whole_word
        self.transform = nn.Sequential(nn.Linear(width, embedding_width), nn.GELU(), nn.LayerNorm(embedding_width))
        self.bias = nn.Parameter(torch.zeros(self.vocabulary))
        self.register_buffer("special_ids", torch.tensor(facts["special_ids"]), persistent=False)
        begins = pieces.of(facts["tokenizer"], self.vocabulary).begins if whole_word else []
        self.register_buffer("begins", torch.tensor(begins), persistent=False)

    def hide(self, ids: Tensor, attention: Tensor) -> Hidden:
        """Hide the asked share of the tokens of a batch, ids and attention int64 [B, T]: at least one if any may be.

        Of words that are hidden whole, so many as fit into the share.
        """
        allowed = attention.bool() & ~torch.isin(ids, self.special_ids)
        score = torch.rand(ids.shape, device=ids.device)
        if self.whole_word:  # all of a word's tokens have the score of its first
            score = score.gather(1, (self.begins[ids].cumsum(1) - 1).clamp(min=0))
        score = score.masked_fill(~allowed, NOT_TO_HIDE).flatten()
        most = min(ids.numel(), math.ceil(self.mask_ratio * ids.numel()) + 1)
        lowest, places = score.topk(most, largest=False)
        wanted = (self.mask_ratio * allowed.sum()).round().long().clamp(min=1)
        first_left = torch.cat([lowest, lowest.new_full((1,), NOT_TO_HIDE)])[wanted]
        told = ((lowest < first_left) | (lowest == lowest[0])) & (lowest < NOT_TO_HIDE)
        before, draw = ids.flatten()[places], torch.rand(most, device=ids.device)
        after = torch.where(draw < ONE_MASK, self.mask_id, before)
        other = torch.randint(self.vocabulary, (most,), device=ids.device)
        after = torch.where(draw >= 1 - ONE_OTHER, other, after)
        shown = ids.flatten().scatter(0, places, torch.where(told, after, before))
        return Hidden(shown.view(ids.shape), places, told)

    def forward(self, states: Tensor, ids: Tensor, hidden: Hidden, embeddings: Tensor) -> dict[str, Tensor]:
        """Return loss (mean cross-entropy over what is hidden, nats), logits [K, V], targets and told [K], count [].

        states [B, T, D]: what the net makes of the hidden ids; ids int64 [B, T]: what stood there.
        """
        # Only the hidden places go through the wide decoder: it would cost more than a small encoder.
        chosen = states.flatten(0, 1)[hidden.places]
        logits = nn.functional.linear(self.transform(chosen), embeddings, self.bias).float()
        targets = ids.flatten()[hidden.places]
        count = hidden.told.sum()
        each = nn.functional.cross_entropy(logits, targets, reduction="none")
        # Of nothing the loss is 0, and still has a gradient.
        loss = (each * hidden.told).sum() / count.clamp(min=1)
        return {"loss": loss, "logits": logits, "targets": targets, "told": hidden.told, "count": count}
