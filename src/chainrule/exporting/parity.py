"""Whether the exported graph answers as the model it came from: in numbers, at several shapes and on real rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from chainrule.serving import offline
from chainrule.serving.offline import Arrays

if TYPE_CHECKING:
    import onnxruntime

    from chainrule.training.prediction import Inputs

Track = Callable[..., Iterable[Any]]
"""Yields the items that it is given with a label and a unit, showing how many are done."""


def unseen(items: Iterable[Any], label: str, unit: str) -> Iterable[Any]:
    """Yield the items and show nothing."""
    return items


def at_shapes(
    model: nn.Module,
    runtime: "onnxruntime.InferenceSession",
    task: Any,
    facts: dict[str, Any],
    unit: float = 1.0,
    seen: offline.Run | None = None,
) -> list[dict[str, Any]]:
    """Return, for each shape the task asks for, the largest difference of an output on random inputs, in `unit`s.

    seen: makes of outputs what is compared of them, where their order is of no account; None: they themselves.
    """
    generator = torch.Generator().manual_seed(0)
    results = []
    for shape in task.parity_shapes(facts):
        inputs = {name: tensor.numpy() for name, tensor in task.example(facts, generator=generator, **shape).items()}
        expected = _runner(model)(inputs)
        found = _of_graph(runtime, expected)(inputs)
        results.append({**shape, "max_difference": float(_differences(expected, found, seen).max() / unit)})
    return results


def on_rows(
    model: nn.Module,
    runtime: "onnxruntime.InferenceSession",
    inputs: "Inputs",
    agree: Callable[[Arrays, Arrays], np.ndarray],
    batch_size: int,
    unit: float = 1.0,
    seen: offline.Run | None = None,
    track: Track = unseen,
) -> dict[str, Any]:
    """Return, over all rows, the share with the same answer and the largest difference of an output, in `unit`s.

    seen: as of `at_shapes`; track: yields the batches that it is given with a label, showing how many are done; agree:
    where two outputs are the same answer, bool [N]. A row with a NaN is no agreement, and the largest difference is
    then a NaN too.
    """
    names: tuple[str, ...] = model.inputs  # type: ignore[assignment]
    expected = offline.in_batches(_runner(model), batches(inputs, names, batch_size, track, "asks the model"))
    graph = _of_graph(runtime, expected)
    found = offline.in_batches(graph, batches(inputs, names, batch_size, track, "asks the graph"))
    differences = _differences(expected, found, seen)
    same = int((agree(expected, found) & ~np.isnan(differences)).sum())
    return {"rows": len(inputs), "agreement": same / len(inputs), "max_difference": float(differences.max() / unit)}


def batches(
    inputs: "Inputs", names: Sequence[str], size: int, track: Track = unseen, label: str = ""
) -> Iterator[tuple[np.ndarray, Arrays]]:
    """Yield the places of the rows of each batch, and these inputs of them as a session takes them.

    track: as of `on_rows`, called with the label.
    """
    for index in track(inputs.order(size, None), label, "batches"):
        yield index.numpy(), feed(inputs, index, names)


def feed(inputs: "Inputs", index: torch.Tensor, names: Sequence[str]) -> Arrays:
    """Return the rows at `index` as a session takes them."""
    batch = inputs.take(index, None)
    return {name: np.ascontiguousarray(batch[name].numpy()) for name in names}


def _runner(model: nn.Module) -> offline.Run:
    """Return what runs the model as `offline.runner` runs a graph."""

    @torch.no_grad()
    def run(inputs: Arrays) -> Arrays:
        outputs = model(**{name: torch.from_numpy(array) for name, array in inputs.items()})
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    return run


def _of_graph(runtime: "onnxruntime.InferenceSession", expected: Arrays) -> offline.Run:
    return offline.runner(runtime, "the graph", list(expected))


def _differences(expected: Arrays, found: Arrays, seen: offline.Run | None) -> np.ndarray:
    """Return the largest difference of each row over all outputs, [N]; NaN where one is."""
    if seen is not None:
        expected, found = seen(expected), seen(found)
    differences = [np.abs(found[name] - array).reshape(len(array), -1).max(axis=1) for name, array in expected.items()]
    return np.asarray(np.stack(differences).max(axis=0))
