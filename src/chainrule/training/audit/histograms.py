"""How each layer's weights and outputs are spread, from epoch to epoch: small, and JSON, as all of the audit's record.

The outputs are those of a few training rows, the same ones every time, in evaluation mode: without dropout and with
the running averages, so that from one epoch to the next nothing differs but what was learnt.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.training import precision
from chainrule.training.audit.aside import aside
from chainrule.training.audit.depth import first_real
from chainrule.training.audit.layers import Layer
from chainrule.training.seeds import seed_default

MOST_EPOCHS, MOST_LAYERS, BINS = 16, 40, 32
"""So many are kept of a training of any length (beyond that every second epoch is dropped) and of a net of any depth
(evenly picked, the first and the last among them)."""
MOST_NUMBERS = 8192
"""Numbers of a layer that a histogram is made of, at most."""
ENDS = (0.001, 0.999)
"""What is further out counts to the outermost bin."""
_GOLDEN = (5**0.5 - 1) / 2

Record = dict[str, Any]


def begin(layers: Sequence[Layer]) -> Record:
    """Return the record of a training that has not begun.

    layers: places of those that are looked at, among the audit's. epochs: those that are kept, 0 being the start, each
    `every` and always the newest. weights, outputs: by epoch and layer a histogram, see `histogram`, or None where
    there is nothing to count.
    """
    picked = np.linspace(0, len(layers) - 1, min(len(layers), MOST_LAYERS)).round().astype(int)
    return {"every": 1, "layers": picked.tolist(), "epochs": [], "weights": [], "outputs": []}


def note(
    record: Record,
    epoch: int,
    objective: nn.Module,
    layers: Sequence[Layer],
    batches: Sequence[dict[str, Tensor]],
    products: str = "fp32",
) -> None:
    """Add an epoch to the record, 0 before the first; products: the number format (`training.precision`).

    The objective is as before afterwards, and no random number is drawn.
    """
    found = [layers[place] for place in record["layers"]]
    numbers = [_picked(*_matrices(layer)) for layer in found] + _outputs(objective, found, batches, products)
    counted = [None if each is None else histogram(each.cpu().numpy()) for each in numbers]
    record["epochs"].append(epoch)
    record["weights"].append(counted[: len(found)])
    record["outputs"].append(counted[len(found) :])
    _thin(record)


def histogram(values: np.ndarray) -> Record | None:
    """Return counts in BINS bins from low to high, mean, standard deviation (`spread`) and the share that is exactly 0.

    values: [N] float32; those that are not finite are left out, and None is returned where no others are.
    """
    values = values[np.isfinite(values)].astype(np.float64)
    if not len(values):
        return None
    low, high = (float(f"{end:.4g}") for end in np.quantile(values, ENDS))
    if not high > low:
        low, high = low - 1e-3 * max(abs(low), 1e-3), low + 1e-3 * max(abs(low), 1e-3)
    counts, _ = np.histogram(np.clip(values, low, high), BINS, (low, high))
    mean, spread = (float(f"{each:.4g}") for each in (values.mean(), values.std()))
    zeros = round(float((values == 0).mean()), 4)
    return {"low": low, "high": high, "mean": mean, "spread": spread, "zeros": zeros, "counts": counts.tolist()}


def _matrices(layer: Layer) -> list[Tensor]:
    """Return the matrices and filters of a layer, or whatever weights it has."""
    found = [weight.detach() for weight in layer.parameters]
    return [weight for weight in found if weight.ndim > 1] or found


def _picked(*tensors: Tensor) -> Tensor | None:
    """Return some of the numbers of tensors, at places that follow no pattern in them: multiples of the golden ratio.

    Each tensor counts by its size; None where there are no numbers at all.
    """
    total = sum(tensor.numel() for tensor in tensors)
    found = []
    for tensor in tensors:
        flat, most = tensor.flatten(), -(-MOST_NUMBERS * tensor.numel() // max(total, 1))
        if len(flat) > most:
            places = (torch.arange(1, most + 1, dtype=torch.float64) * _GOLDEN).frac() * len(flat)
            flat = flat[places.long().to(flat.device)]
        found.append(flat.float())
    return torch.cat(found) if total else None


@torch.no_grad()
def _outputs(
    objective: nn.Module, layers: Sequence[Layer], batches: Sequence[dict[str, Tensor]], products: str
) -> list[Tensor | None]:
    """Return some numbers of what each layer gives, its last module where it has several; None where it is not called.

    Of a layer that is called more than once the last call counts.
    """
    found: dict[str, Tensor | None] = {}

    def hooked(layer: Layer) -> list[Any]:
        def leaves(module: nn.Module, given: tuple[Any, ...], result: Any) -> None:
            if (tensor := first_real(result)) is not None:
                found[layer.name] = _picked(tensor)  # now: what follows may work in place

        return [module.register_forward_hook(leaves) for module in layer.modules]

    handles = [handle for layer in layers for handle in hooked(layer)]
    try:
        with aside(objective, batches):
            seed_default(0, next(iter(batches[0].values())).device)  # an objective may draw what it hides of a row
            objective.eval()
            precision.called(objective, batches, products)
    finally:
        for handle in handles:
            handle.remove()
    return [found.get(layer.name) for layer in layers]


def _thin(record: Record) -> None:
    """Drop what is not every so many epochs, but for the newest, and every second one of what has become long."""
    if len(record["epochs"]) > MOST_EPOCHS + 1:
        record["every"] *= 2
    last = record["epochs"][-1]
    stay = [place for place, epoch in enumerate(record["epochs"]) if epoch % record["every"] == 0 or epoch == last]
    for key in ("epochs", "weights", "outputs"):
        record[key] = [record[key][place] for place in stay]
