"""Models on disk: safetensors for weights, JSON for everything else, no pickle."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from chainrule import plugins
from chainrule.files import read_json, write_json
from chainrule.params.file import plug_in

WEIGHTS = "model.safetensors"
CARD = "model.json"


def build_net(block: dict[str, Any], facts: dict[str, Any], seed: int) -> nn.Module:
    """Return the recipe's net with random weights drawn from the seed."""
    name, options = plug_in(block["net"], "name")
    torch.manual_seed(seed)
    arguments = plugins.load("training.inputs", block["modality"]).net_arguments(facts)
    net: nn.Module = plugins.load("nets", name).build(**arguments, **options)
    return net.to(memory_format=torch.channels_last) if getattr(net, "channels_last", False) else net


def save_weights(module: nn.Module, path: Path) -> None:
    """Write a module's weights; weights that two names share are written under both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in module.state_dict().items()}, path)


def load_weights(module: nn.Module, path: Path) -> None:
    """Read weights into a module of the same shape."""
    module.load_state_dict(load_file(path))


def save_model(folder: Path, model: nn.Module, block: dict[str, Any], facts: dict[str, Any], classes: list[str]) -> None:
    """Write a fine-tuned model so that `load_model` can build it again without params.yaml."""
    save_weights(model, folder / WEIGHTS)
    plugins.load("training.inputs", block["modality"]).save_facts(facts, folder)
    shape = {"task": block["task"], "modality": block["modality"], "net": block["net"], "classes": classes}
    write_json(folder / CARD, shape)


def load_model(folder: Path) -> tuple[nn.Module, dict[str, Any], dict[str, Any]]:
    """Return a fine-tuned model in evaluation mode, its card (task, modality, net, classes) and its facts."""
    card = read_json(folder / CARD)
    facts = plugins.load("training.inputs", card["modality"]).load_facts(folder)
    net = build_net(card, facts, seed=0)
    model: nn.Module = plugins.load(f"tasks.{card['task']}", "model").build(net, facts, len(card["classes"]))
    load_weights(model, folder / WEIGHTS)
    return model.eval(), card, facts
