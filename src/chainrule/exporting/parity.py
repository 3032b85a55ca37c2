"""Whether the exported graph answers as the model it came from: in numbers, at several shapes and on real rows."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    import onnxruntime

    from chainrule.training.prediction import Inputs

Arrays = dict[str, np.ndarray]


def session(graph: bytes, threads: int, provider: str = "CPUExecutionProvider") -> "onnxruntime.InferenceSession":
    """Return an ONNX Runtime session, on the CPU if not said otherwise."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(graph, options, providers=[provider])


@torch.no_grad()
def at_shapes(
    model: nn.Module, runtime: "onnxruntime.InferenceSession", task: Any, facts: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return, for each shape the task asks for, the largest absolute difference of an output on random inputs."""
    generator = torch.Generator().manual_seed(0)
    results = []
    for shape in task.parity_shapes(facts):
        expected, found = _both(model, runtime, task.example(facts, generator=generator, **shape))
        results.append({**shape, "max_difference": float(_differences(expected, found).max())})
    return results


@torch.no_grad()
def on_rows(
    model: nn.Module,
    runtime: "onnxruntime.InferenceSession",
    inputs: "Inputs",
    agree: Callable[[Arrays, Arrays], np.ndarray],
    batch_size: int,
) -> dict[str, Any]:
    """Return, over all rows, the share with the same answer and the largest difference of an output.

    agree: where two outputs are the same answer, bool [N]. A row with a NaN is no agreement, and the largest difference
    is then a NaN too.
    """
    names: tuple[str, ...] = model.inputs  # type: ignore[assignment]
    same, largest = 0, 0.0
    for index in inputs.order(batch_size, None):
        batch = inputs.take(index, None)
        expected, found = _both(model, runtime, {name: batch[name] for name in names})
        differences = _differences(expected, found)
        same += int((agree(expected, found) & ~np.isnan(differences)).sum())
        largest = float(np.maximum(largest, differences.max()))  # max() would pass over a NaN
    return {"rows": len(inputs), "agreement": same / len(inputs), "max_difference": largest}


def _both(
    model: nn.Module, runtime: "onnxruntime.InferenceSession", inputs: dict[str, torch.Tensor]
) -> tuple[Arrays, Arrays]:
    """Return the outputs by name of the model and of the graph, for the same inputs."""
    expected = {name: tensor.numpy() for name, tensor in model(**inputs).items()}
    found = runtime.run(list(expected), {name: tensor.numpy() for name, tensor in inputs.items()})
    return expected, dict(zip(expected, found, strict=True))


def _differences(expected: Arrays, found: Arrays) -> np.ndarray:
    """Return the largest difference of each row over all outputs, [N]; NaN where one is."""
    differences = [np.abs(found[name] - array).reshape(len(array), -1).max(axis=1) for name, array in expected.items()]
    return np.asarray(np.stack(differences).max(axis=0))
