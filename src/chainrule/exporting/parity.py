"""Whether the exported graph answers as the model it came from: in numbers, at several shapes and on real rows."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    import onnxruntime

    from chainrule.training.prediction import Inputs


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
    """Return, for each shape the task asks for, the largest absolute difference of a logit on random inputs."""
    generator = torch.Generator().manual_seed(0)
    names = [value.name for value in runtime.get_inputs()]
    results = []
    for shape in task.parity_shapes(facts):
        inputs = task.example(facts, generator=generator, **shape)
        expected = model(*inputs).numpy()
        (found,) = runtime.run(None, dict(zip(names, (tensor.numpy() for tensor in inputs), strict=True)))
        results.append({**shape, "max_difference": float(np.abs(found - expected).max())})
    return results


@torch.no_grad()
def on_rows(
    model: nn.Module, runtime: "onnxruntime.InferenceSession", inputs: "Inputs", names: tuple[str, ...], batch_size: int
) -> dict[str, Any]:
    """Return, over all rows, the share with the same prediction and the largest difference of a logit.

    A row with a NaN is no agreement, and the largest difference is then a NaN too.
    """
    same, largest = 0, 0.0
    for index in inputs.order(batch_size, None):
        batch = inputs.take(index, None)
        expected = model(*(batch[name] for name in names)).numpy()
        (found,) = runtime.run(None, {name: batch[name].numpy() for name in names})
        differences = np.abs(found - expected).max(axis=1)
        same += int(((found.argmax(axis=1) == expected.argmax(axis=1)) & ~np.isnan(differences)).sum())
        largest = float(np.maximum(largest, differences.max()))  # max() would pass over a NaN
    return {"rows": len(inputs), "agreement": same / len(inputs), "max_difference": largest}
