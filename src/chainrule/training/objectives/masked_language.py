"""Masked-language modelling (Devlin et al. 2019, BERT, arXiv:1810.04805, section 3.1)."""

from typing import Any

from torch import Tensor, nn

from chainrule.evaluation.shown import Learnt
from chainrule.nets.shared import needs
from chainrule.training.objectives.shared import restored
from chainrule.training.objectives.shared.masking import Masking


class MaskedLanguage(nn.Module):
    """Predict the tokens hidden from an encoder; the decoder shares the input embeddings' weights."""

    def __init__(self, net: nn.Module, masking: Masking) -> None:
        """Wrap an encoder that maps ids and mask [B, T] to hidden states [B, T, D]."""
        super().__init__()
        self.net = net
        self.masking = masking

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss (mean cross-entropy over the hidden tokens, nats), logits [K, V] and targets [K] of K tokens of
        which those in told [K] are hidden, and count [] of these. batch: input_ids and attention_mask, int64 [B, T].
        """
        ids, attention = batch["input_ids"], batch["attention_mask"]
        hidden = self.masking.hide(ids, attention)
        found: dict[str, Tensor] = self.masking(self.net(hidden.ids, attention), ids, hidden, self.net.embeddings)
        return {**found, "places": hidden.places}


def build(net: nn.Module, facts: dict[str, Any], *, mask_ratio: float, whole_word: bool) -> MaskedLanguage:
    """Return the objective for an encoder and the facts of its inputs (vocabulary, mask_id, special_ids, tokenizer).

    mask_ratio: share of the tokens but the special ones that are predicted; of those 80% become the mask token, 10% a
    random token, 10% stay. whole_word: all tokens of a word together. Raises ParamsError for a net of which a token
    does not see those behind it, and where no token is the mask.
    """
    needs.require(net, "both_sides", "masked_language")
    return MaskedLanguage(net, Masking(net, facts, mask_ratio=mask_ratio, whole_word=whole_word))


def show(objective: MaskedLanguage, inputs: Any, facts: dict[str, Any], *, loss: float, seed: int) -> Learnt:
    """Return what was hidden of validation texts and what came back; loss: of all of them."""
    batch = restored.some(inputs, objective.net, seed)
    return restored.learnt(batch["input_ids"], objective(batch), facts, loss)
