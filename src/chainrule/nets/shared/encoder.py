"""What nets of transformers share: one face for all of them, and dropout that a CPU draws quickly."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from chainrule.nets.shared.cached import CacheShape, Layer

_PADDING = "lets padded positions change the real ones, so that a text's answer depends on what is batched with it"
UNFIT = {
    "convbert": _PADDING,
    "esm": _PADDING,
    "nystromformer": _PADDING,
    "xmod": "needs a language for every row",
    "yoso": _PADDING,
}
"""Families that build and would not work, and why."""


class Encoder(nn.Module):
    """Token ids to one vector per token.

    `encoder` is transformers' model without its pooler; `out_features` the width D of its vectors.
    """

    gains_from_bf16 = True

    def __init__(self, encoder: nn.Module, width: int, max_length: int, end_id: int | None = None) -> None:
        """Wrap a model; end_id: the token that ends each text, where the second text's tokens are of another type."""
        super().__init__()
        self.encoder = encoder
        self.out_features = width
        self.max_length = max_length
        self.end_id = end_id

    @property
    def embeddings(self) -> nn.Parameter:
        """The input embedding [vocabulary, D], to decode masked tokens with the same weights."""
        weight: nn.Parameter = self.encoder.get_input_embeddings().weight  # type: ignore[operator]
        return weight

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Last hidden states [B, T, D] of `input_ids` int64 [B, T]; `attention_mask` int64 [B, T] is 1 at real tokens.

        T is at most max_length; what stands at padded positions of the result means nothing.
        """
        more = {} if self.end_id is None else {"token_type_ids": _types(input_ids, attention_mask, self.end_id)}
        states: torch.Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **more)[0]
        return states


def _types(input_ids: torch.Tensor, attention_mask: torch.Tensor, end_id: int) -> torch.Tensor:
    """Return 1 at the tokens of a second text and its end, else 0, int64 [B, T], as BERT counts them."""
    ends = (input_ids == end_id).long()
    return ((ends.cumsum(dim=1) - ends) > 0).long() * attention_mask


class Decoder(Encoder):
    """An encoder whose tokens know those before them alone."""

    causal = True

    def pool(self, states: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Features [B, D] of a row: the state of its last token, the only one that has seen all of it."""
        return last_token(states, attention_mask)


class CachedDecoder(Decoder):
    """A decoder that goes on with a text, of which it keeps the keys and values of all layers.

    `readout` says which token follows a state, where that is not the input embedding.
    """

    def __init__(
        self,
        encoder: nn.Module,
        width: int,
        max_length: int,
        end_id: int | None,
        cache: CacheShape,
        vocabulary: int | None,
    ) -> None:
        """Wrap a model; cache: what it keeps; vocabulary: of a readout of its own, None for none."""
        super().__init__(encoder, width, max_length, end_id)
        self.cache = cache
        if vocabulary is not None:
            self.readout = nn.Linear(width, vocabulary, bias=False)

    def step(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, past: Sequence[Layer]
    ) -> tuple[torch.Tensor, list[Layer]]:
        """Return states [B, T, D] of T more tokens behind P of which the keys and values are known, and those of all.

        past: of every layer, keys and values [B, H, P, W]; () for a text from its beginning. attention_mask: int64
        [B, P + T], 1 at real tokens: rows may be padded at either end.
        """
        from transformers import DynamicCache

        kept = DynamicCache()
        for layer, (keys, values) in enumerate(past):
            kept.update(keys, values, layer)
        places = (attention_mask.cumsum(dim=1) - 1).clamp(min=0)[:, attention_mask.shape[1] - input_ids.shape[1] :]
        found = self.encoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=places,
            past_key_values=kept,
            use_cache=True,
        )
        return found[0], [(layer.keys, layer.values) for layer in found.past_key_values.layers]


def last_token(states: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return the last real one of states [B, T, D], [B, D]; `attention_mask` int64 [B, T] is 1 at real tokens."""
    places = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    last = (places * attention_mask).amax(dim=1)
    return states.gather(1, last.view(-1, 1, 1).expand(-1, 1, states.shape[-1])).squeeze(1)


class Dropout(nn.Dropout):
    """nn.Dropout with its mask drawn four elements at a time on a CPU, where drawing is what it costs.

    The probability is rounded to a multiple of 1/65536, and what stays is scaled by the rounded one.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - nn.Dropout names it so
        """Return the input with some elements zero and the others scaled up, in training; else as it is."""
        if not self.training or input.device.type != "cpu" or not 0 < self.p < 1:
            return super().forward(input)
        draws = torch.empty(-(-input.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        dropped = round(self.p * 65536)
        keep = draws.view(torch.int16)[: input.numel()].view(input.shape) >= dropped - 32768
        return input * (keep * (65536 / (65536 - dropped))).to(input.dtype)


def attention() -> dict[str, Any]:
    """Return how a model of transformers computes its attention on this machine."""
    # On a CPU the fused attention spends half of a training step in its backward pass; plain products of matrices are
    # 1.7 times faster over all (4 layers, 128 wide, rows of 32 tokens, bf16).
    return {} if torch.cuda.is_available() else {"attn_implementation": "eager"}


def quicken_dropout(model: nn.Module) -> None:
    """Put the dropout of this module in place of torch's."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p))
