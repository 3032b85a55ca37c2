"""Masked-language modelling and sentence-order prediction (Lan et al. 2020, ALBERT, arXiv:1909.11942, section 3.1)."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.evaluation.shown import Learnt
from chainrule.nets.shared import needs
from chainrule.training.objectives.shared import pairs
from chainrule.training.objectives.shared.masking import Masking
from chainrule.training.objectives.shared.pairs import Chosen, MaskedPairs

WORDS = ("swapped", "in order")


def choose(known: Tensor) -> Chosen:
    """Take both segments of each text, half the time in their order, else swapped."""
    own = torch.arange(len(known), device=known.device)
    in_order = (torch.rand(len(known), device=known.device) < 0.5) | ~known
    return Chosen((own, own), (~in_order, in_order), in_order)


def build(net: nn.Module, facts: dict[str, Any], *, mask_ratio: float, whole_word: bool) -> MaskedPairs:
    """Return the objective for a net and the facts of its inputs; mask_ratio, whole_word: as in `masked_language`.

    The verdict is of the pooled row, which fine-tuning uses, in place of ALBERT's first token.
    """
    needs.require(net, "both_sides", "sentence_order")
    masking = Masking(net, facts, mask_ratio=mask_ratio, whole_word=whole_word)
    return MaskedPairs(net, masking, facts, choose)


def show(objective: MaskedPairs, inputs: Any, facts: dict[str, Any], *, loss: float, seed: int) -> Learnt:
    """Return segments of validation texts with the verdict on them, and the hidden tokens; loss: of all of them."""
    return pairs.show(objective, inputs, facts, loss, seed, WORDS)
