"""Fine-tuned models on disk: weights, the facts of their inputs, and what built them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from chainrule.system import plugins
from chainrule.system.files import read_json, write_json
from chainrule.training.weights import MODEL_CARD, WEIGHTS, build_net, load_weights, save_weights

BUILT_FROM = ("task", "modality", "target", "net", "base")


def save_model(
    folder: Path,
    model: nn.Module,
    block: Mapping[str, Any],
    facts: dict[str, Any],
    target_facts: dict[str, Any],
    objective: Mapping[str, Any],
) -> None:
    """Write a fine-tuned model so that `load_model` can build it again without params.yaml.

    objective: the settings of what it was fine-tuned for, with which whoever learns on does the same.
    """
    save_weights(model, folder / WEIGHTS)
    plugins.load("training.inputs", block["modality"]).save_facts(facts, folder)
    built = {key: block[key] for key in BUILT_FROM}
    write_json(folder / MODEL_CARD, {**built, "target_facts": target_facts, "objective": objective})


def load_model(folder: Path) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return a fine-tuned model in evaluation mode, its card and the facts of its inputs.

    The card: task, modality, target (their names), net (its settings), base (what it started from), target_facts and
    objective.
    """
    card = read_json(folder / MODEL_CARD)
    facts = plugins.load("training.inputs", card["modality"]).load_facts(folder)
    net = build_net(card, facts, seed=0)
    model: nn.Module = plugins.load(f"tasks.{card['task']}", "model").build(net, facts, card["target_facts"])
    load_weights(model, folder / WEIGHTS)
    return model.eval(), card, facts
