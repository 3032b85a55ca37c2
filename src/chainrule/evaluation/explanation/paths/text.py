"""From a text of unknown words to the text, between the embeddings of their tokens, and what counts say of each."""

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.explanation.divided import Arrays, Parts
from chainrule.evaluation.explanation.gradients import Run, given_by, through

WINDOWED = 3
"""Axes of ids in windows."""
BASELINE = "a text as long, of unknown words"


def ends(model: nn.Module, inputs: Arrays, parts: Parts) -> tuple[Run, Tensor, Tensor]:
    """Return what runs the model on places of the way, its start and its end, float32 [T, D], in windows [W, T, D].

    Of a model with counts beside its net, D holds the embedding and what the counts say of each class.
    """
    weight = model.net.embeddings  # type: ignore[union-attr]
    entries: list[nn.Module] = [
        each for each in model.modules() if isinstance(each, nn.Embedding) and each.weight is weight
    ]
    if getattr(model, "counted", None) is not None:
        entries.append(model.counted.told)  # type: ignore[union-attr, arg-type]
    windows = inputs["input_ids"].ndim == WINDOWED  # of which each is a row to the net
    ways = [[given_by(model, entry, given, windows=windows) for entry in entries] for given in (parts.blank, inputs)]
    start, end = (torch.cat(way, dim=-1) for way in ways)
    features = {entry: found.shape[-1] for entry, found in zip(entries, ways[0], strict=True)}
    return through(model, features, inputs, windows=windows), start, end


def placed(model: nn.Module, attributions: np.ndarray) -> np.ndarray:
    """Return what each token adds, [T] or [W, T], of attributions [..., D]."""
    return np.asarray(attributions.sum(axis=-1))
