"""Weights: drawn from a seed, written to and read from safetensors; no pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from chainrule.recipes.file import plug_in
from chainrule.system import plugins
from chainrule.system.errors import DataError
from chainrule.system.files import read_json, write_json

WEIGHTS, NET, MODEL_CARD = "model.safetensors", "net.json", "model.json"
# What a model card tells of a base.
SAID = ("from", "name", "revision", "source", "licence", "files", "teacher")


def build_net(block: dict[str, Any], facts: dict[str, Any], seed: int) -> Any:
    """Return the recipe's net with random weights drawn from the seed."""
    name, options = plug_in(block["net"], "name")
    torch.manual_seed(seed)
    arguments = plugins.load("training.inputs", block["modality"]).net_arguments(facts)
    net: nn.Module = plugins.load("nets", name).build(**arguments, **options)
    if getattr(net, "channels_last", False):
        net.to(memory_format=torch.channels_last)
    return net


def save_net(folder: Path, net: dict[str, Any], base: Mapping[str, Any]) -> None:
    """Write what builds a net, and what it started from: of the card of a base, what a reader wants to know."""
    write_json(folder / NET, {"net": net, "base": {name: base[name] for name in SAID}})


def load_net(folder: Path) -> dict[str, Any]:
    """Return net and base as `save_net` wrote them."""
    found: dict[str, Any] = read_json(folder / NET)
    return found


def save_weights(module: nn.Module, path: Path) -> None:
    """Write a module's weights; weights that two names share are written under both."""
    save_state(module.state_dict(), path)


def save_state(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write weights by name; those that share their memory are written under every name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}, path)


def load_weights(module: nn.Module, path: Path) -> None:
    """Read weights into a module of the same shape; DataError for a file that holds no such weights."""
    try:
        module.load_state_dict(load_file(path))
    except (SafetensorError, OSError, RuntimeError) as error:
        why = " ".join(str(error).split())[:200]
        raise DataError(f"{path} does not hold this model's weights; run again what made it ({why})") from error
