"""The record of a training's gradients: made around updates, small, and JSON, so that a checkpoint can hold it."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training.audit import depth, histograms, norms
from chainrule.training.audit.layers import layers

MOST_UPDATES, MOST_CHAINS = 200, 12
"""So many are kept of a training of any length: beyond that every second one is dropped, and no more are made."""
CHAIN_EVERY = 2
"""Audited updates to one pass of the chain rule along depth."""
MOST_ROWS = 32
"""The most rows of that pass."""

Record = dict[str, Any]
Around = Callable[[int], AbstractContextManager[None]]


def begin(objective: nn.Module, every: int) -> Record:
    """Return the record of a training that has not begun: `layers` by name, and nothing measured.

    updates: numbers of the audited updates (from 0). gradient, weight, step, dead: for each of these a list by layer
    (see `norms`), None where there is nothing to measure. chains: {"update", "links"}, see `depth.Link`. histograms:
    by epoch, see `histograms.begin`.
    """
    looked_at = layers(objective)
    found = [
        {"name": layer.name, "kind": layer.kind, "parameters": sum(weight.numel() for weight in layer.parameters)}
        for layer in looked_at
    ]
    return {
        "every": every,
        "chain_every": CHAIN_EVERY * every,
        "layers": found,
        "updates": [],
        **{quantity: [] for quantity in norms.QUANTITIES},
        "chains": [],
        "histograms": histograms.begin(looked_at),
    }


def around_update(
    objective: nn.Module, probe: Callable[[], list[dict[str, Tensor]]], record: Record, products: str = "fp32"
) -> Around:
    """Return a function of an update's number whose context adds to the record what the update does.

    The context is entered when the gradients are there, before clipping, and left when the weights have moved. probe
    returns the batches of the pass along depth, the same ones every time, so that only the weights differ; it is
    called when they are needed. products: their number format (`training.precision`).
    """
    found = layers(objective)

    @contextmanager
    def around(update: int) -> Iterator[None]:
        if update % record["every"]:
            yield
            return
        if update % record["chain_every"] == 0:
            record["chains"].append(_chain(update, depth.factors(objective, found, probe(), products)))
        if update == 0:
            histograms.note(record["histograms"], 0, objective, found, probe(), products)
        gradients, dead = norms.of_gradients(found)
        before = norms.kept(found)
        yield
        weights, steps = norms.of_steps(found, before)
        record["updates"].append(update)
        measured = torch.stack([gradients, weights, steps, dead]).tolist()  # the one time that a GPU is waited for
        for quantity, values in zip(norms.QUANTITIES, measured, strict=True):
            record[quantity].append([_short(value) for value in values])
        _thin(record)

    return around


def after_epoch(
    objective: nn.Module, probe: Callable[[], list[dict[str, Tensor]]], record: Record, epoch: int, products: str
) -> None:
    """Add to the record how weights and outputs are spread after an epoch (from 1); see `around_update`."""
    histograms.note(record["histograms"], epoch, objective, layers(objective), probe(), products)


def rows(batch_size: int) -> int:
    """Return how many rows of a batch the pass along depth takes: a quarter, at least four if there are so many."""
    return min(batch_size, max(4, batch_size // 4), MOST_ROWS)


def _chain(update: int, links: list[depth.Link]) -> Record:
    said = [{**link._asdict(), "factor": _short(link.factor), "reached": _short(link.reached)} for link in links]
    return {"update": update, "links": said}


def _thin(record: Record) -> None:
    """Drop every second entry of what has become long."""
    if len(record["updates"]) > MOST_UPDATES:
        record["every"] *= 2
        stay = [place for place, update in enumerate(record["updates"]) if update % record["every"] == 0]
        for key in ("updates", *norms.QUANTITIES):
            record[key] = [record[key][place] for place in stay]
        record["chain_every"] = max(record["chain_every"], record["every"])
    if len(record["chains"]) > MOST_CHAINS:
        record["chain_every"] *= 2
        record["chains"] = [chain for chain in record["chains"] if chain["update"] % record["chain_every"] == 0]


def _short(value: float | None) -> float | None:
    """Return four digits of a number, None for none; infinity, which JSON does not have, as the largest number."""
    if value is None or math.isnan(value):
        return None
    return float(f"{value:.4g}") if math.isfinite(value) else math.copysign(1.7e308, value)
