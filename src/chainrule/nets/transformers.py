"""A model of transformers as a configuration says, an encoder or a decoder, without its pooler; nothing is downloaded.

What its family calls things is found out here: its probabilities of dropping something, how many tokens it takes, the
types of tokens, and whether a token knows those behind it.
"""

import difflib
import inspect
import re
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_MAPPING,
)

from chainrule.nets.shared import rewriter
from chainrule.nets.shared.cached import CacheShape
from chainrule.nets.shared.encoder import UNFIT, CachedDecoder, Decoder, Encoder, attention, quicken_dropout
from chainrule.system.errors import ParamsError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_DROPS = re.compile(r"(^|_)(dropout|dropout_prob|dropout_rate|pdrop)$")
_OF_HEADS = ("classifier_dropout", "summary_first_dropout", "seq_classif_dropout", "qa_dropout")
_OF_A_FILE = ("dtype", "torch_dtype", "architectures", "transformers_version", "_name_or_path")
"""What a config.json tells of the weights that were beside it."""


def build(
    vocabulary: int, pad_id: int, *, dropout: float | None, config: dict[str, Any] | None
) -> Encoder | rewriter.Rewriter:
    """Build the model of a configuration (the content of a config.json) with fresh weights, in float32.

    One that has an encoder and a decoder (T5, BART, Marian) reads one text and writes another.

    dropout: in place of every probability of dropping something that the configuration has; None: as it says. Raises
    ParamsError where no base gave a configuration, or one of a model that gives no vector per token of a single text.
    """
    chosen = _configuration(config)
    if dropout is not None:
        for name in _probabilities(chosen):
            setattr(chosen, name, dropout)
    if chosen.is_encoder_decoder:
        return rewriter.of_configuration(chosen)
    causal = _is_causal(chosen)
    if causal:
        chosen.use_cache = False
    poolable = "add_pooling_layer" in inspect.signature(MODEL_MAPPING[type(chosen)].__init__).parameters
    arguments: dict[str, Any] = {"add_pooling_layer": False} if poolable else {}
    model = AutoModel.from_config(chosen, dtype=torch.float32, **arguments, **attention())
    quicken_dropout(model)
    end = getattr(chosen, "sep_token_id", None) if getattr(chosen, "type_vocab_size", 0) > 1 else None
    width, longest = int(chosen.hidden_size), _longest(model, chosen)
    if causal and _goes_on(model, chosen):
        return CachedDecoder(model, width, longest, end, _cache(chosen), _own_readout(chosen))
    return (Decoder if causal else Encoder)(model, width, longest, end)


def _configuration(config: dict[str, Any] | None) -> "PreTrainedConfig":
    if config is None:
        raise ParamsError("net transformers: a base says what it is; set `base`, or take net encoder")
    family = config.get("model_type")
    if family not in CONFIG_MAPPING_NAMES:
        near = difflib.get_close_matches(str(family), CONFIG_MAPPING_NAMES, 3, 0.7) or ["bert", "roberta", "gpt2"]
        raise ParamsError(
            f"net transformers: config.model_type {family!r} is not known; did you mean {' or '.join(near)}?"
        )
    if family in UNFIT:
        raise ParamsError(f"net transformers: {family} {UNFIT[family]}; take another base such as BERT or RoBERTa")
    chosen = AutoConfig.for_model(**{key: value for key, value in config.items() if key not in _OF_A_FILE})
    if type(chosen) not in MODEL_MAPPING:
        raise ParamsError(f"net transformers: {family} is no encoder or decoder alone; take one such as BERT or GPT-2")
    return chosen


def _probabilities(config: "PreTrainedConfig") -> list[str]:
    """List the names under which a configuration keeps its probabilities of dropping a feature or a weight."""
    return [
        name
        for name, value in config.to_dict().items()
        if _DROPS.search(name) and name not in _OF_HEADS and isinstance(value, int | float)
    ]


def _is_causal(config: "PreTrainedConfig") -> bool:
    """Whether a token knows those before it alone: of families that have no other way, or where it is asked for."""
    family = config.model_type
    only = family in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and family not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return only or bool(getattr(config, "is_decoder", False))


def _goes_on(model: nn.Module, config: "PreTrainedConfig") -> bool:
    """Whether a decoder can be told what it keeps and where tokens are, and its states alone say what follows.

    `readout` false of a configuration: weights that say what follows were not among those that were brought.
    """
    taken = inspect.signature(model.forward).parameters
    altered = [
        name for name in ("logit_scale", "logits_scaling", "final_logit_softcapping") if getattr(config, name, None)
    ]
    window = getattr(config, "sliding_window", None)
    whole = not window or not getattr(config, "use_sliding_window", True) or window >= config.max_position_embeddings
    whole = whole and getattr(config, "readout", True)
    return {"past_key_values", "position_ids", "use_cache"} <= set(taken) and not altered and whole


def _cache(config: "PreTrainedConfig") -> CacheShape:
    heads = int(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return CacheShape(int(config.num_hidden_layers), heads, int(width))


def _own_readout(config: "PreTrainedConfig") -> int | None:
    """Return the tokens of a readout that is not the input embedding; None where it is."""
    return None if config.tie_word_embeddings else int(config.vocab_size)


def _longest(model: nn.Module, config: "PreTrainedConfig") -> int:
    """Return how many tokens the model takes; RoBERTa and its kin number positions from their padding's on."""
    positions = getattr(config, "max_position_embeddings", None)
    if not positions:
        raise ParamsError(f"net transformers: {config.model_type} does not say how many tokens it takes; take another")
    tables = [module for name, module in model.named_modules() if name.endswith("position_embeddings")]
    offsets = [table.padding_idx + 1 for table in tables if getattr(table, "padding_idx", None) is not None]
    return int(positions) - max(offsets, default=0)
