"""A model of transformers for texts, of the Hugging Face hub by name or from a folder of the hub's form."""

from pathlib import Path
from typing import Any

from torch import nn

from chainrule.system.errors import DataError
from chainrule.training.bases.shared import folders, hub, tensors, tokenizer
from chainrule.training.start import TOKENIZER, WEIGHTS, refuse_differences
from chainrule.training.weights import save_state

READOUTS = ("lm_head.weight", "embed_out.weight")
"""What the weights are called that say which token follows, where they are not the input embedding's."""


def bring(out: Path, root: Path, place: str, modality: str, *, name: str, revision: str | None) -> dict[str, Any]:
    """Write the model's weights in the type that they are stored in, and its tokenizer.

    Raises DataError for what is not there, is no such model, or would be loaded in part.
    """
    hub.allow()
    found = folders.beside(root, place, name) or hub.bring(name, revision, place)
    from chainrule.nets.transformers import build

    config = _config(found.path)
    own, roles, longest = tokenizer.of_folder(found.path, config)
    if config.get("sep_token_id") is None:
        config["sep_token_id"] = roles["end"]  # by which the net tells the second of two texts
    stored = tensors.of_folder(found.path)
    pad = roles["pad"] or 0
    net = build(config["vocab_size"], pad, config=config, dropout=None)
    readout = next((stored[name] for name in READOUTS if name in stored), None)
    if hasattr(net, "readout") and readout is None:  # the body alone, which classifies and does not go on with a text
        config["readout"] = False
        net = build(config["vocab_size"], pad, config=config, dropout=None)
    body: Any = net.model if hasattr(net, "writes") else net.encoder
    _load(body, stored, found.path)
    if readout is not None and isinstance(telling := getattr(net, "readout", None), nn.Linear):
        telling.weight.data.copy_(readout)
    kind = tensors.stored_as(stored)
    save_state(
        {key: value.to(kind) if value.is_floating_point() else value for key, value in net.state_dict().items()},
        out / WEIGHTS,
    )
    own.save(str(out / TOKENIZER))
    return {
        "source": name if found.revision is None else f"https://huggingface.co/{name}",
        "revision": found.revision,
        "licence": folders.licence(found.path),
        "files": folders.sums(found.path),
        # What ends a text tells the net where the second of a pair begins.
        "net": {"name": "transformers", "config": {**config, "sep_token_id": roles["end"]}},
        "inputs": {
            "vocabulary": config["vocab_size"],
            "max_length": min(net.max_length, longest or net.max_length),
            **{f"{role}_id": number for role, number in roles.items()},
            "pad_id": pad,
            "unknown_id": roles["unknown"] or pad,
            "mask_id": roles["mask"] or pad,  # the padding's: there is none, and nothing can be hidden behind it
            "special_ids": tokenizer.special_ids(own, roles),
        },
    }


def _config(folder: Path) -> dict[str, Any]:
    """Return the model's configuration; DataError for a model that is none of texts."""
    from transformers import CONFIG_MAPPING

    config = folders.config(folder)
    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING:
        raise DataError(f"{folder / folders.CONFIG}: model_type {kind!r}: transformers has no such model")
    for key in ("vocab_size",):
        if not isinstance(config.get(key), int):
            raise DataError(f"{folder / folders.CONFIG}: no {key}; a model of texts is needed")
    return config


def _load(encoder: nn.Module, stored: dict[str, Any], folder: Path) -> None:
    """Put stored weights into an encoder, under the names that transformers knows them by; all of it or DataError."""
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()  # what it reports is refused here, in a line
    logging.disable_progress_bar()
    kind: Any = type(encoder)
    found, info = kind.from_pretrained(
        None,
        config=encoder.config,
        state_dict=dict(stored),
        dtype=torch.float32,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    state, wanted = found.state_dict(), encoder.state_dict()
    refuse_differences(
        f"base.name: {folder}",
        [
            *(
                f"{key} is missing"
                for key in sorted({*info["missing_keys"], *wanted.keys() - state.keys()} & wanted.keys())
            ),
            *(
                f"{key} is {list(theirs)}, the net's {list(ours)}"
                for key, theirs, ours in sorted(info["mismatched_keys"])
            ),
        ],
        f"; its weights are called like {next(iter(stored))}",
    )
    encoder.load_state_dict({key: state[key] for key in wanted})
