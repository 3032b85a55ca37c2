"""A model of transformers that reads one text and writes another, behind the same face as `nets.encoder_decoder`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForSeq2SeqLM, DynamicCache, EncoderDecoderCache
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES

from chainrule.nets.shared.encoder import quicken_dropout
from chainrule.system.errors import ParamsError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

Pair = tuple[Tensor, Tensor]
"""Keys and values [B, heads, tokens, width of a head] of one layer."""
USUAL_LENGTH = 512
"""Tokens of a text that a model takes that knows how far tokens are apart and no more (T5)."""


class Places:
    """Has a decoder count its positions by the real tokens before each, and not by what a cache holds.

    The table of positions is asked for those that are set here; a model that has none knows distances alone.
    """

    def __init__(self) -> None:
        self.now: Tensor | None = None

    def ask(
        self, _: nn.Module, given: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Put the positions in place of those that the decoder counted."""
        return given, named if self.now is None else {**named, "position_ids": self.now}

    def take(self, _: nn.Module, given: tuple[Any, ...], found: Tensor) -> Tensor:  # noqa: ARG002 - torch's order
        """Return positions [B, T, D]; some models put an axis in front of what they are asked for."""
        return found.squeeze(0) if found.dim() == 4 else found


class Rewriter(nn.Module):
    """Token ids of one text in, what may follow each token of another out."""

    gains_from_bf16 = True
    writes = True

    def __init__(self, model: Any, config: "PreTrainedConfig") -> None:
        """Wrap a model for conditional generation whose attention shows its weights."""
        super().__init__()
        self.model = model
        self.out_features = int(config.d_model)
        self.max_length = int(getattr(config, "max_position_embeddings", 0) or USUAL_LENGTH)
        self.start_id = int(config.decoder_start_token_id)
        layers = int(getattr(config, "decoder_layers", 0) or config.num_decoder_layers)
        heads = int(getattr(config, "decoder_attention_heads", 0) or config.num_heads)
        self.shape = (layers, heads, int(getattr(config, "d_kv", 0) or self.out_features // heads))
        self.places = Places()
        table = getattr(model.get_decoder(), "embed_positions", None)
        if table is not None:
            table.register_forward_pre_hook(self.places.ask, with_kwargs=True)
            table.register_forward_hook(self.places.take)

    @property
    def embeddings(self) -> Tensor:
        """The input embedding [vocabulary, D]."""
        weight: Tensor = self.model.get_input_embeddings().weight
        return weight

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the encoder's states [B, S, D] of input_ids and attention_mask, int64 [B, S]; 1 at real tokens."""
        found = self.model.get_encoder()(input_ids=input_ids, attention_mask=attention_mask)
        states: Tensor = found.last_hidden_state
        return states

    def read(self, states: Tensor) -> list[Pair]:
        """Return what each decoder layer holds of the encoder's states [B, S, D]: what a first token makes it keep."""
        kept = EncoderDecoderCache(DynamicCache(), DynamicCache())
        first = torch.full((states.shape[0], 1), self.start_id, device=states.device)
        self.places.now = None
        self.model.get_decoder()(input_ids=first, encoder_hidden_states=states, past_key_values=kept, use_cache=True)
        return [(layer.keys, layer.values) for layer in kept.cross_attention_cache.layers]

    def write(
        self, ids: Tensor, mask: Tensor, past: Sequence[Pair] | None, read: Sequence[Pair], encoder_mask: Tensor
    ) -> tuple[Tensor, list[Pair], Tensor]:
        """Return logits, what each layer holds, and where tokens looked, as `encoder_decoder` does."""
        own, cross = DynamicCache(), DynamicCache()
        for place, (keys, values) in enumerate(read):
            cross.update(keys, values, place)
        for place, (keys, values) in enumerate(past or ()):
            own.update(keys, values, place)
        self.places.now = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, mask.shape[1] - ids.shape[1] :]
        keys = read[0][0]
        found = self.model(
            decoder_input_ids=ids,
            decoder_attention_mask=mask,
            # Their keys and values are at hand: only how many there are counts.
            encoder_outputs=(keys.new_zeros(keys.shape[0], keys.shape[2], self.out_features),),
            attention_mask=encoder_mask,
            past_key_values=EncoderDecoderCache(own, cross),
            use_cache=True,
            output_attentions=True,
        )
        self.places.now = None
        present = [(layer.keys, layer.values) for layer in found.past_key_values.self_attention_cache.layers]
        looked = torch.stack([weights.mean(dim=1) for weights in found.cross_attentions]).mean(dim=0)
        return found.logits, present, looked


def of_configuration(config: "PreTrainedConfig") -> Rewriter:
    """Return the model of a configuration with fresh weights, in float32; ParamsError for one that writes no text."""
    family = config.model_type
    if (
        family not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
        or getattr(config, "decoder_start_token_id", None) is None
    ):
        raise ParamsError(f"net transformers: {family} writes no text for a text; take one such as T5, BART or Marian")
    model = AutoModelForSeq2SeqLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    quicken_dropout(model)
    return Rewriter(model, config)
