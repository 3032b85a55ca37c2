"""The answer to a question: where it begins and where it ends, over all windows of its passage at once.

All windows of a row share one distribution, so that their scores can be compared (shared normalisation, Clark and
Gardner 2018, arXiv:1710.10723, section 3.3). Of several right answers, and of a token that two windows show,
the probabilities are summed: the marginal likelihood (there, section 3.2). The first token of a window stands for "no
answer", as in BERT's reader of SQuAD 2 (Devlin et al. 2019, arXiv:1810.04805, section 4.3).
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.scores import answer as scores
from chainrule.fields import answer as field
from chainrule.fields.answer import NEVER, NONE

Facts = Mapping[str, Any]
DECIDES = "calibrated_loss"
"""Which number of validation rows says which epoch is best: the least of it."""
STARTS, ENDS = "start_logits", "end_logits"
TEMPERATURES = (0.05, 20.0)
"""The bounds of a temperature."""


def width(target: Facts) -> int:
    """Return how many numbers the head gives for a token: one for a start, one for an end."""
    return 2


def constants(target: Facts) -> dict[str, Tensor]:
    """Return what the answer needs beside the weights, as buffers of the model."""
    limits = torch.tensor([float(target["longest"]), 0.0 if target["none"] else NEVER])
    return {"temperature": torch.ones(()), "within": limits}


def answer(scores: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return start_logits, end_logits [B, W, L], calibrated, of the head's scores [B, W, L, 2], and limits [B, 2]."""
    found = scores / constants["temperature"]
    return {STARTS: found[..., 0], ENDS: found[..., 1], "limits": constants["within"].expand(len(scores), 2)}


def right(offsets: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return which tokens a right answer begins with, which it ends with, and which could be, bool [B, W·L] each.

    offsets: int [B, W, L, 2]; target: int [B, K, 2 + A] (see `fields.answer`).
    """
    places = offsets.flatten(1, 2).long()
    starts, ends = places[:, None, :, 0], places[:, None, :, 1]
    first, last = target[:, :, None, 0].long(), target[:, :, None, 1].long()
    there = first != NONE
    begins = (there & (starts <= first) & (first < ends)).any(dim=1)
    finishes = (there & (starts < last) & (last <= ends)).any(dim=1)
    none = places[..., 0] == NONE
    nothing = none & ~there.any(dim=1)
    return begins | nothing, finishes | nothing, (ends > starts)[:, 0] | none


class Loss(nn.Module):
    """Minus the mean log-probability of start and end, in nats, over the rows whose answer is in a window."""

    def __init__(self, *, smoothing: float = 0.0) -> None:
        """Take the share of the target that is spread over all tokens; in evaluation mode it is left out."""
        super().__init__()
        self.smoothing = smoothing

    def forward(self, outputs: Mapping[str, Tensor], target: Tensor) -> Tensor:
        """Return the loss [] of logits [B, W, L] and offsets; target int [B, K, 2 + A]."""
        begins, finishes, may = right(outputs["offsets"], target)
        found = begins.any(dim=1) & finishes.any(dim=1)
        smoothing = self.smoothing if self.training else 0.0
        each = sum(
            _missing(outputs[name].flatten(1), own, may, smoothing)
            for name, own in ((STARTS, begins), (ENDS, finishes))
        )
        losses = torch.where(found, torch.as_tensor(each) / 2, 0.0)
        return losses.sum() / found.sum().clamp(min=1)


def _missing(logits: Tensor, own: Tensor, may: Tensor, smoothing: float) -> Tensor:
    """Return minus the log of the probability [B] that `own` tokens have together of all that `may` be."""
    least = torch.finfo(logits.dtype).min
    whole = logits.masked_fill(~may, least).logsumexp(dim=1)
    loss = whole - logits.masked_fill(~own, least).logsumexp(dim=1)
    if not smoothing:
        return loss
    even = whole - (logits * may).sum(dim=1) / may.sum(dim=1).clamp(min=1)
    return (1 - smoothing) * loss + smoothing * even


def loss(target: Facts, encoded: Tensor, *, smoothing: float, name: str) -> Loss:
    """Return the loss for the target's facts, of `training.targets.catalogue`."""
    return Loss(smoothing=smoothing)


def deciding(loss: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> dict[str, float]:
    """Return the loss of validation rows once a net that is too sure of itself is made as modest as suits them."""
    if not all(np.isfinite(outputs[name]).all() for name in (STARTS, ENDS)):
        return {DECIDES: math.inf}
    return {DECIDES: _cooled(outputs, encoded, low=1.0)[1]}


def _cooled(outputs: Mapping[str, np.ndarray], encoded: np.ndarray, low: float) -> tuple[float, float]:
    """Return the temperature, at least `low`, with the least loss on rows, and this loss (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    target, measure = torch.from_numpy(np.asarray(encoded)), Loss().eval()
    offsets = torch.from_numpy(outputs["offsets"])
    logits = {name: torch.from_numpy(outputs[name]).double() for name in (STARTS, ENDS)}

    def missing(temperature: float) -> float:
        return float(
            measure({name: each / temperature for name, each in logits.items()} | {"offsets": offsets}, target)
        )

    bounds = (math.log(low), math.log(TEMPERATURES[1]))
    found = math.exp(minimize_scalar(lambda log: missing(math.exp(log)), bounds=bounds, method="bounded").x)
    best = min((low, found, 1.0), key=missing)
    return best, missing(best)


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the model's temperature by what it says of validation rows; return the target's facts and what was found.

    Where questions without an answer were learnt from, they also tell by how many nats "no answer" must be likelier
    than the best span, as has the best F1 on these rows.
    """
    temperature, _ = _cooled(outputs, encoded, low=TEMPERATURES[0])
    model.get_buffer("temperature").fill_(temperature)
    found = {"temperature": round(temperature, 6)}
    if not target["none"]:
        return dict(target), found
    cooled = {**outputs, **{name: outputs[name] / temperature for name in (STARTS, ENDS)}}
    line = _none_above(cooled, encoded)
    model.get_buffer("within")[1] = line
    return dict(target), {**found, "none_above": line}


def _none_above(outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> float:
    """Return the line with the best F1 on rows, the nearest to 0 of those that tie."""
    told = field.told(outputs)
    apart = np.array([each.none - each.score for each in told])
    right = scores.right(encoded)
    spans = np.array([scores.score(each.text, own)[1] for each, own in zip(told, right, strict=True)])
    nothing = np.array([scores.score("", own)[1] for own in right])
    edges = np.unique(apart[np.isfinite(apart)])
    lines = np.concatenate([[0.0], (edges[1:] + edges[:-1]) / 2])

    def points(line: float) -> tuple[float, float]:
        return float(np.where(apart > line, nothing, spans).sum()), -abs(line)

    return round(float(max(lines.tolist(), key=points)), 6)
