"""Fine-tuned models on disk: weights, the facts of their inputs, and what built them."""

from pathlib import Path
from typing import Any

from torch import nn

from chainrule.system import plugins
from chainrule.system.files import read_json, write_json
from chainrule.training.weights import WEIGHTS, build_net, load_weights, save_weights

CARD = "model.json"


def save_model(
    folder: Path, model: nn.Module, block: dict[str, Any], facts: dict[str, Any], classes: list[str]
) -> None:
    """Write a fine-tuned model so that `load_model` can build it again without params.yaml."""
    save_weights(model, folder / WEIGHTS)
    plugins.load("training.inputs", block["modality"]).save_facts(facts, folder)
    shape = {"task": block["task"], "modality": block["modality"], "net": block["net"], "classes": classes}
    write_json(folder / CARD, shape)


def load_model(folder: Path) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return a fine-tuned model in evaluation mode, its card (task, modality, net, classes) and its facts."""
    card = read_json(folder / CARD)
    facts = plugins.load("training.inputs", card["modality"]).load_facts(folder)
    net = build_net(card, facts, seed=0)
    model: nn.Module = plugins.load(f"tasks.{card['task']}", "model").build(net, facts, len(card["classes"]))
    load_weights(model, folder / WEIGHTS)
    return model.eval(), card, facts
