"""The base teaches: its answers are learnt beside the rows' own targets (Hinton et al. 2015, arXiv:1503.02531).

The loss of a batch is (1 - weight) · the task's + weight · T² · KL(teacher ‖ student), both softened by the temperature
T; of numbers, weight · the squared distance of the two answers, in standard deviations of the training rows. With
`features`, that many times the cosine distance between the teacher's features and the student's is added, projected by
a matrix that is learnt along (Sanh et al. 2019, DistilBERT, arXiv:1910.01108, section 3, without its masked language).
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from chainrule.system.errors import ParamsError
from chainrule.training import models
from chainrule.training.strategy import Given, unlike

LABELS, NUMBER = "labels", "number"


class Teacher(NamedTuple):
    """The model that teaches, what went into both heads last, and what ends the watching of them; std: of a number."""

    model: Any
    kind: str
    seen: dict[str, Tensor]
    hooks: list[Any]
    std: float = 1.0


def prepare(model: nn.Module, given: Given, *, features: float) -> Teacher:
    """Load the teacher; ParamsError if it answers otherwise than the student, or reads otherwise."""
    taught, card, facts = models.load_model(given.base)
    place = given.block["base"]["from"]
    if unread := unlike(facts, given.facts):
        raise ParamsError(f"base.from: {place}: a teacher reads the student's rows, but its {unread}")
    kind = card["target"]
    if kind != given.block["target"]:
        raise ParamsError(
            f"base.from: {place}: tells a {kind}; a teacher tells a {given.block['target']}, as the recipe"
        )
    ours, theirs = (facts.get("classes", []) for facts in (given.target_facts, card["target_facts"]))
    if differing := _differing(theirs, ours):
        raise ParamsError(f"base.from: {place}: its classes are others: {differing}")
    seen: dict[str, Tensor] = {}
    hooks: list[Any] = []
    if features:
        heads: dict[str, Any] = {"student": model.head, "teacher": taught.head}
        model.projection = nn.Linear(heads["student"].in_features, heads["teacher"].in_features)
        hooks = [head.register_forward_pre_hook(partial(_keep, seen, who)) for who, head in heads.items()]
    return Teacher(taught.requires_grad_(False), kind, seen, hooks, given.target_facts.get("std", 1.0))


def _differing(theirs: list[str], ours: list[str]) -> str:
    """Return in words which classes only the teacher tells, and which only the recipe; empty where they agree."""
    alone = [f"{name} is the teacher's alone" for name in theirs if name not in ours]
    return ", ".join([*alone, *(f"{name} is the recipe's alone" for name in ours if name not in theirs)])


def _keep(seen: dict[str, Tensor], who: str, head: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    seen[who] = inputs[0]


def loss(
    model: nn.Module,
    loss: Tensor,
    batch: dict[str, Tensor],
    outputs: dict[str, Tensor],
    *,
    weight: float,
    temperature: float,
    features: float,
    beside: Teacher,
) -> Tensor:
    """Return the task's loss and the teacher's, weighted."""
    names: tuple[str, ...] = model.inputs  # type: ignore[assignment]
    with torch.no_grad():
        taught = beside.model.to(loss.device)(**{name: batch[name] for name in names})
    total = (1 - weight) * loss + weight * _apart(outputs, taught, temperature, beside)
    if features:
        projected = model.get_submodule("projection")(beside.seen["student"]).float()
        total = total + features * (1 - functional.cosine_similarity(projected, beside.seen["teacher"].float())).mean()
    return total


def _apart(outputs: Mapping[str, Tensor], taught: Mapping[str, Tensor], temperature: float, teacher: Teacher) -> Tensor:
    """Return how far the student's answers are from the teacher's, as the loss counts it."""
    if teacher.kind == NUMBER:
        return functional.mse_loss(outputs["value"] / teacher.std, taught["value"] / teacher.std)
    ours, theirs = (
        functional.log_softmax(_choices(logits.float(), teacher.kind) / temperature, dim=1)
        for logits in (outputs["logits"], taught["logits"])
    )
    return temperature**2 * functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)


def _choices(logits: Tensor, kind: str) -> Tensor:
    """Return the logits of what is told apart, [N, choices]: each of a set of labels, each word, is one of its own."""
    if kind != LABELS:
        return logits.flatten(0, -2)
    return torch.stack([logits.flatten(), torch.zeros_like(logits).flatten()], dim=1)


def merge(model: nn.Module, *, features: float, beside: Teacher) -> None:
    """Leave the student alone."""
    for hook in beside.hooks:
        hook.remove()
    if features:
        del model.projection
