"""Masked-language modelling and next-sentence prediction (Devlin et al. 2019, BERT, arXiv:1810.04805, section 3.1)."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.evaluation.shown import Learnt
from chainrule.nets.shared import needs
from chainrule.training.objectives.shared import pairs
from chainrule.training.objectives.shared.masking import Masking
from chainrule.training.objectives.shared.pairs import Chosen, MaskedPairs

WORDS = ("of another text", "the next")


def choose(known: Tensor) -> Chosen:
    """Take each text's first segment, and behind it half the time its second one, else that of another text.

    The other text is the one before it in the batch, whose texts are of similar length and in random order.
    """
    own = torch.arange(len(known), device=known.device)
    follows = torch.rand(len(known), device=known.device) < 0.5
    other = own.roll(1)
    # A batch of one text has no other; a text of one segment lends none.
    follows = follows | (other == own) | ~known[other]
    first = torch.zeros_like(known)
    return Chosen((own, torch.where(follows, own, other)), (first, ~first), follows)


def build(net: nn.Module, facts: dict[str, Any], *, mask_ratio: float, whole_word: bool) -> MaskedPairs:
    """Return the objective for a net and the facts of its inputs; mask_ratio, whole_word: as in `masked_language`.

    The verdict is of the pooled row, which fine-tuning uses, in place of BERT's first token.
    """
    needs.require(net, "both_sides", "masked_and_next")
    masking = Masking(net, facts, mask_ratio=mask_ratio, whole_word=whole_word)
    return MaskedPairs(net, masking, facts, choose)


def show(objective: MaskedPairs, inputs: Any, facts: dict[str, Any], *, loss: float, seed: int) -> Learnt:
    """Return segments of validation texts with the verdict on them, and the hidden tokens; loss: of all of them."""
    return pairs.show(objective, inputs, facts, loss, seed, WORDS)
