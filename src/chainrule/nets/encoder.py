"""A transformer encoder of any kind that transformers can pretrain with a masked language objective.

The architecture is transformers' own, built from a configuration with fresh weights; nothing is downloaded.
BERT: Devlin et al. 2019, https://arxiv.org/abs/1810.04805. RoBERTa: Liu et al. 2019,
https://arxiv.org/abs/1907.11692. DistilBERT: Sanh et al. 2019, https://arxiv.org/abs/1910.01108.
ELECTRA, of which this is the discriminator: Clark et al. 2020, https://arxiv.org/abs/2003.10555.
"""

import difflib
import inspect
from typing import TYPE_CHECKING, Any

from transformers import AutoConfig, AutoModel
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES, MODEL_MAPPING

from chainrule.nets.shared.encoder import UNFIT, Encoder, attention, quicken_dropout
from chainrule.system.errors import ParamsError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

# What the families call one and the same thing; every name that a family has is set.
_NAMES: dict[str, tuple[str, ...]] = {
    "width": ("hidden_size",),
    "layers": ("num_hidden_layers",),
    "heads": ("num_attention_heads",),
    "feed_forward": ("intermediate_size", "hidden_dim", "d_ff"),
    "positions": ("max_position_embeddings",),
    "dropout": ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout",
                "embedding_dropout", "mlp_dropout"),
}  # fmt: skip


def build(
    vocabulary: int,
    pad_id: int,
    *,
    arch: str,
    layers: int,
    width: int,
    heads: int,
    feed_forward: int,
    max_length: int,
    dropout: float,
) -> Encoder:
    """Build an encoder of `layers` layers, `width` features and `heads` heads, with fresh weights.

    `vocabulary` counts the token ids, `pad_id` is the one that fills a row up; `arch` is a model type of transformers
    ("bert", "roberta", "distilbert", "electra", "modernbert", …); `feed_forward` is the width of the inner layer,
    `max_length` the most tokens in a row, `dropout` the probability used wherever the architecture drops anything.
    Raises ParamsError for an arch that is no encoder or cannot be set up so.
    """
    if arch in UNFIT:
        raise ParamsError(f"net encoder: arch {arch!r} {UNFIT[arch]}; take another such as bert or roberta")
    if arch not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        near = difflib.get_close_matches(arch, MODEL_FOR_MASKED_LM_MAPPING_NAMES, 3, 0.4) or [
            "bert",
            "roberta",
            "distilbert",
        ]
        raise ParamsError(
            f"net encoder: arch {arch!r} is no encoder that transformers knows; did you mean {' or '.join(near)}?"
        )
    if width % heads:
        raise ParamsError(f"net encoder: width {width} must be a multiple of heads {heads}; take heads that divide it")

    default = AutoConfig.for_model(arch)
    if default.is_encoder_decoder:
        raise ParamsError(f"net encoder: arch {arch!r} has a decoder too; take an encoder alone such as bert")
    # RoBERTa and its kin number positions from pad_id + 1 on, MPNet from 2; the others never reach the few rows more.
    positions = max_length + max(pad_id, 1) + 1
    wanted: dict[str, Any] = {"width": width, "layers": layers, "heads": heads, "feed_forward": feed_forward,
                              "positions": positions, "dropout": dropout}  # fmt: skip
    settings = {name: value for what, value in wanted.items() for name in _names(default, arch, what)}
    if hasattr(default, "embedding_size"):  # ELECTRA and ALBERT may embed narrower; tied decoding needs the full width
        settings["embedding_size"] = width
    for name in ("bos_token_id", "cls_token_id", "sep_token_id", "eos_token_id", "mask_token_id"):
        if (
            getattr(default, name, None) or 0
        ) >= vocabulary:  # an id of the published vocabulary, which this one is not
            settings[name] = None
    config = AutoConfig.for_model(arch, vocab_size=vocabulary, pad_token_id=pad_id, **settings)
    for name, value in settings.items():
        if getattr(config, name) != value:
            raise ParamsError(
                f"net encoder: arch {arch!r} keeps {name} at {getattr(config, name)}, not {value}; take another arch"
            )

    # A pooler would be weights that no loss reaches.
    poolable = "add_pooling_layer" in inspect.signature(MODEL_MAPPING[type(config)].__init__).parameters
    arguments: dict[str, Any] = {"add_pooling_layer": False} if poolable else {}
    model = AutoModel.from_config(config, **arguments, **attention())
    quicken_dropout(model)
    encoder = Encoder(model, width, max_length)
    if encoder.embeddings.shape != (vocabulary, width):
        raise ParamsError(
            f"net encoder: arch {arch!r} embeds {tuple(encoder.embeddings.shape)}, not {vocabulary, width}; take bert"
        )
    return encoder


def _names(config: "PreTrainedConfig", arch: str, what: str) -> list[str]:
    """List the real names under which `config` keeps `what`; ParamsError when it has none."""
    found = [config.attribute_map.get(name, name) for name in _NAMES[what] if hasattr(config, name)]
    if not found:
        raise ParamsError(
            f"net encoder: arch {arch!r} has no setting for {what}; take another arch such as bert or roberta"
        )
    return list(dict.fromkeys(found))
