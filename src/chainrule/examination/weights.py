"""Weights before and after fine-tuning: how they are spread in each block, and how far they have moved."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.parts import NotShownError, Part
from chainrule.examination import ridges
from chainrule.examination.blocks import seen
from chainrule.examination.looked import Looked, one_row
from chainrule.examination.outline import Line, every, outline
from chainrule.system import plugins
from chainrule.training import weights

DRAWN = 200_000
"""Most numbers of a block that its histogram is made of, evenly picked."""
STILL = 1e-6
"""A block that has moved by less of its length has not learnt."""


class Moved(NamedTuple):
    """The matrices and filters of a block, flat; before: as the fine-tuning began, None where that is not known."""

    name: str
    after: Tensor
    before: Tensor | None

    @property
    def share(self) -> float | None:
        """How far they have moved, over how long they were."""
        if self.before is None:
            return None
        return float((self.after - self.before).norm() / self.before.norm().clamp(min=1e-12))


def part(looked: Looked) -> Part:
    """Return the histograms of each block's weights, with what has become of them since the fine-tuning began."""
    lines = outline(seen(looked.model, one_row(looked)))
    found = blocks(looked.model, lines, start(looked))
    if not found:
        raise NotShownError("the model has no matrix and no filter whose numbers could be counted")
    drawn = ridges.picture(
        [ridges.ridge(each.name, _picked(each.after), _picked(each.before), _beside(each)) for each in found],
        f"Weights of {len(found)} blocks as histograms, after fine-tuning and before",
        "spread; share they moved by",
    )
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in in_words(found))
    note = (
        "Filled: after fine-tuning; line: as it began, from the pretrained weights or from random ones. Matrices and "
        "filters without biases and norms; of layers that look the same the first."
    )
    figure = f'<figure class="wide scroll architecture">{drawn}</figure><p class="note">{note}</p>'
    return Part("Weights", said + figure, {each.name: _numbers(each) for each in found})


def start(looked: Looked) -> dict[str, Tensor]:
    """Return the model's weights by name as its fine-tuning began: as they were read, or drawn by the seed."""
    target_facts = dict(looked.card["target_facts"])
    with torch.random.fork_rng(devices=[]):
        net = weights.build_net(dict(looked.card), dict(looked.facts), looked.seed)
        if looked.pretrained is not None and (looked.pretrained / weights.WEIGHTS).is_file():
            weights.load_weights(net, looked.pretrained / weights.WEIGHTS)
        task = plugins.load(f"tasks.{looked.card['task']}", "model")
        model: nn.Module = task.build(net, dict(looked.facts), target_facts)
    return {name: weight.detach() for name, weight in model.named_parameters()}


def blocks(model: nn.Module, lines: Sequence[Line], before: Mapping[str, Tensor]) -> list[Moved]:
    """Return the matrices and filters of each closed line of an outline that has any."""
    found = []
    for line in every(lines):
        if line.opened:
            continue
        own = {
            f"{name}.{each}".strip("."): weight.detach()
            for name in line.modules
            for each, weight in model.get_submodule(name).named_parameters()
            if weight.ndim > 1
        }
        if not own:
            continue
        known = all(name in before and before[name].shape == weight.shape for name, weight in own.items())
        name = line.modules[0] or "all"
        was = torch.cat([before[each].flatten().float() for each in own]) if known else None
        found.append(Moved(name, torch.cat([weight.flatten().float() for weight in own.values()]), was))
    return found


def _picked(values: Tensor | None) -> Any:
    if values is None:
        return None
    found = values[:: max(1, len(values) // DRAWN)].numpy()
    return found[np.isfinite(found)]


def _beside(moved: Moved) -> str:
    spread = f"{float(moved.after.std(correction=0)):.3g}"
    return spread if moved.share is None else f"{spread}; {moved.share:.1%}"


def _numbers(moved: Moved) -> dict[str, Any]:
    after = float(moved.after.std(correction=0))
    before = None if moved.before is None else float(moved.before.std(correction=0))
    return {
        "spread": _short(after),
        "spread_before": _short(before),
        "moved": _short(moved.share),
        "zeros": round(float((moved.after == 0).float().mean()), 4),
    }


def _short(value: float | None) -> float | None:
    return float(f"{value:.4g}") if value is not None and np.isfinite(value) else None


def in_words(found: Sequence[Moved]) -> list[str]:
    """Return what stands out: what moved most and least, what did not learn, what is no number or mostly zero."""
    said = []
    known = [(each.share, each.name) for each in found if each.share is not None and np.isfinite(each.share)]
    if len(known) > 1:
        (least, still), (most, far) = min(known), max(known)
        said.append(f"Moved most: {far} by {most:.1%} of its length; least: {still} by {least:.1%}.")
    frozen = [name for share, name in known if share < STILL]
    if frozen:
        said.append(f"As they were before: {_listed(frozen)}.")
    broken = [each.name for each in found if not bool(each.after.isfinite().all())]
    if broken:
        said.append(f"With numbers that are not finite: {_listed(broken)}.")
    empty = [each.name for each in found if float((each.after == 0).float().mean()) > 0.5]
    if empty:
        said.append(f"More than half zeros: {_listed(empty)}.")
    return said


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
