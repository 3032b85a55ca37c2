"""A model of transformers as its base's configuration says, without its pooler; nothing is downloaded."""

import inspect
from typing import Any

from transformers import AutoConfig, AutoModel
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from chainrule.nets.shared.encoder import Encoder, attention, quicken_dropout
from chainrule.system.errors import ParamsError


def build(vocabulary: int, pad_id: int, *, config: dict[str, Any] | None, dropout: float | None) -> Encoder:
    """Build the model of a configuration (the content of a config.json) with fresh weights.

    dropout: in place of every probability of dropping something that the configuration has; None: as it says. Raises
    ParamsError where no base gave a configuration.
    """
    if config is None:
        raise ParamsError("net transformers: a base says what it is; set `base`, or take net encoder")
    told = {key: value for key, value in config.items() if key != "dtype"}
    chosen = AutoConfig.for_model(**told)
    if dropout is not None:
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout"):
            if hasattr(chosen, name):
                setattr(chosen, name, dropout)
    poolable = "add_pooling_layer" in inspect.signature(MODEL_MAPPING[type(chosen)].__init__).parameters
    arguments: dict[str, Any] = {"add_pooling_layer": False} if poolable else {}
    model = AutoModel.from_config(chosen, **arguments, **attention())
    quicken_dropout(model)
    return Encoder(model, int(chosen.hidden_size), int(chosen.max_position_embeddings))
