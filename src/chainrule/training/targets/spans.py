"""Parts of a text with a label each: a logit for each tag of each token, what a tag counts behind another, the log loss
of all tags of a text together, calibrated logits.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation import primary
from chainrule.evaluation.calibration import fit_temperature
from chainrule.evaluation.scores import spans
from chainrule.fields import tags
from chainrule.fields.windows import BEGINS, END, START

Facts = Mapping[str, Any]
DECIDES = "span_error"
"""Which number of validation rows says which epoch is best: the least of it."""
IGNORED = -100
QUICKER = 10.0
"""How much more a step changes what a tag counts behind another than a weight."""


def width(target: Facts) -> int:
    """Return how many numbers the head gives for a token: one per tag."""
    return tags.count(len(target["classes"]))


def constants(target: Facts) -> dict[str, Tensor]:
    """Return what the answer needs beside the weights, as buffers of the model."""
    return {"temperature": torch.ones(())}


def answer(scores: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return logits [..., K], calibrated, of the head's scores [..., K]."""
    return {"logits": scores / constants["temperature"]}


class Transitions(nn.Module):
    """What a tag counts behind each tag and, last, at the start of a text: [K + 1, K], `tags.NEVER` where it cannot be.

    They are few beside the weights of a net, and learn at its rate: each is QUICKER times a weight.
    """

    may: Tensor

    def __init__(self, count: int) -> None:
        """Begin with nothing for each of `count` tags."""
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(count + 1, count))
        self.register_buffer("may", torch.from_numpy(tags.allowed(count)), persistent=False)

    def forward(self, temperature: Tensor) -> Tensor:
        """Return them, calibrated."""
        return torch.where(self.may, self.weight * QUICKER / temperature, tags.NEVER)


class Loss(nn.Module):
    """What the tags of spans int [B, S, 3] cost, each window's together, by word: a linear chain of conditional random
    fields (Lafferty et al. 2001) on logits [B, W, L, K], as Lample et al. 2016 have it (arXiv:1603.01360, section 2.2).

    In evaluation mode smoothing, which only shapes the gradient, is left out.
    """

    def __init__(self, *, smoothing: float = 0.0) -> None:
        """Keep the share of a tag that is spread over all tags, each word by itself."""
        super().__init__()
        self.smoothing = smoothing

    def forward(self, outputs: Mapping[str, Tensor], target: Tensor) -> Tensor:
        """Return the loss []; 0 of a batch without a word."""
        logits, transitions = outputs["logits"].flatten(0, 1).float(), outputs["transitions"][0].float()
        true = tags_of(outputs["offsets"], target).flatten(0, 1)
        words = (true != IGNORED).sum(dim=1)
        own = _first(true != IGNORED, int(words.max()))
        true = true.gather(1, own).clamp(min=0)
        logits = logits.gather(1, own[..., None].expand(-1, -1, logits.shape[-1]))
        there = torch.arange(own.shape[1], device=words.device) < words[:, None]
        # A window behind the first goes on with a text: what stands before it is not known.
        first = torch.arange(len(words), device=words.device) % outputs["logits"].shape[1] == 0
        start = transitions[-1] * first[:, None]
        cost = (_all(logits, start, transitions, there) - _one(logits, start, transitions, there, true)).sum()
        if self.training and self.smoothing:
            level = (logits.log_softmax(dim=-1).mean(dim=-1) * there).sum()
            cost = (1 - self.smoothing) * cost - self.smoothing * level
        return cost / words.sum().clamp(min=1)


def _first(words: Tensor, most: int) -> Tensor:
    """Return the places of the words of each row of bool [N, L], int64 [N, most], then any others."""
    return (~words).long().argsort(dim=1, stable=True)[:, :most]


def _one(logits: Tensor, start: Tensor, transitions: Tensor, there: Tensor, true: Tensor) -> Tensor:
    """Return the sums [N] of tags int64 [N, T] where a word is there: of logits [N, T, K] and what each counts at the
    start [N, K] or behind the one before it [K + 1, K].
    """
    follow = torch.cat([start.gather(1, true[:, :1]), transitions[true[:, :-1], true[:, 1:]]], dim=1)
    each: Tensor = logits.gather(2, true[..., None]).squeeze(2) + follow
    return (each * there).sum(dim=1)


def _all(logits: Tensor, start: Tensor, transitions: Tensor, there: Tensor) -> Tensor:
    """Return the logarithm [N] of the sum over all tags of the powers of what `_one` returns; 0 of no word."""
    if not there.shape[1]:
        return logits.sum(dim=(1, 2))
    total = start + logits[:, 0]
    for word in range(1, there.shape[1]):
        through = (total[:, :, None] + transitions[:-1]).logsumexp(dim=1) + logits[:, word]
        total = torch.where(there[:, word, None], through, total)
    return total.logsumexp(dim=1) * there[:, 0]


def tags_of(offsets: Tensor, target: Tensor) -> Tensor:
    """Return the tag of each token, int64 [B, W, L], by spans int [B, S, 3]; IGNORED where none is learnt.

    offsets: [B, W, L, 3]. As `fields.tags.of_words`: a word belongs to the span that holds its first code point, and
    the first such word begins it, in every window that it is in.
    """
    start = offsets[..., START, None]
    counts = offsets[..., END] > 0
    begins = offsets[..., BEGINS] > 0
    label, first, last = (target[:, None, None, :, part] for part in range(3))
    inside = (label >= 0) & (start >= first) & (start < last) & counts[..., None]
    beyond = torch.iinfo(torch.int32).max
    earliest = torch.where(inside & begins[..., None], start, beyond).amin(dim=(1, 2), keepdim=True)
    opens = inside & (start == earliest) & begins[..., None]
    tag = torch.where(opens, 1 + 2 * label, 2 + 2 * label)
    found = torch.where(inside, tag, tags.OUTSIDE).amax(dim=-1).long()
    return torch.where(counts & begins, found, IGNORED)


def loss(target: Facts, encoded: Tensor, *, smoothing: float, name: str) -> Loss:
    """Return the loss for the training rows' targets [N, S, 3], of `training.targets.catalogue`."""
    return Loss(smoothing=smoothing)


def deciding(loss: Any, outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> dict[str, float]:
    """Return how much validation rows lack of a span F1 of 1: it goes on falling when the loss of words has risen."""
    if not np.isfinite(outputs["logits"]).all():
        return {DECIDES: 1.0}
    facts = {"classes": [str(place) for place in range((outputs["logits"].shape[-1] - 1) // 2)]}
    found = primary.value(spans, outputs, encoded, facts)
    return {DECIDES: 1.0 if np.isnan(found) else 1.0 - found}


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the model's temperature by the words of validation rows; return the target's facts and what was found.

    The probability of a word's tag, over all tags of the others, is taken for one that the temperature acts on by
    itself: what it does to both neighbours' is left out.
    """
    words = tags.rows(outputs)
    true = np.concatenate([tags.of_words(own, each.places) for own, each in zip(encoded, words, strict=True)])
    if not len(true):
        return dict(target), {}
    temperature = fit_temperature(np.concatenate([each.scores for each in words]), true)
    model.get_buffer("temperature").fill_(temperature)
    return dict(target), {"temperature": round(temperature, 6)}
