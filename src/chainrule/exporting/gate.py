"""Whether a variant of the graph ships: it must be faster, and as right on validation rows.

The decision goes into the bundle, the times do not: they are no function of the stage's inputs. A margin (`faster`)
keeps the decision the same from one run to the next.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from chainrule.exporting import parity
from chainrule.exporting.variants import Feed

if TYPE_CHECKING:
    import onnxruntime

    from chainrule.params.export import Variants
    from chainrule.training.prediction import Inputs

    Sessions = Mapping[str, onnxruntime.InferenceSession]

BATCHES = (1, 32)
LONE_ROWS = 16  # different rows that one pass at batch 1 goes through: texts differ in length
SECONDS = 1.5  # of measuring at each batch size
FEWEST, MOST = 15, 400  # passes of each graph


def choose(
    graphs: Mapping[str, bytes], validation: "Inputs", batch_size: int, settings: "Variants"
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return, by variant, what it is and whether it ships; and, by variant, how fast it is here.

    graphs: `fp32` and its variants. The second is no function of the inputs: it belongs in no output of a stage.
    """
    on_cpu = {name: parity.session(content, 1) for name, content in graphs.items()}
    on_gpu = gpu_sessions({name: graphs[name] for name in graphs if name != "int8"}) if "fp16" in graphs else {}
    cpu_kinds = {name: session for name, session in on_cpu.items() if name != "fp16"}
    # A session of one thread computes in the thread that calls it. That thread's own time is the latency on a free
    # core, whatever else the machine is doing meanwhile.
    found = latencies(cpu_kinds, validation, "CPU, 1 thread", time.thread_time)
    if on_gpu:
        found["fp16"] = latencies(on_gpu, validation, "GPU", time.perf_counter)["fp16"]
    predicted = {
        name: predictions(on_gpu.get(name, session) if name == "fp16" else session, validation, batch_size)
        for name, session in on_cpu.items()
    }
    labels = validation.take(torch.arange(len(validation)), None)["label"].numpy()
    right = {name: int((classes == labels).sum()) for name, classes in predicted.items()}
    table = {}
    for name, content in graphs.items():
        lost = (right["fp32"] - right[name]) / len(labels)
        ships, reason = True, "the reference"
        if name != "fp32":
            ships, reason = verdict(getattr(settings, name), lost, found.get(name), settings)
        table[name] = {
            "bytes": len(content),
            "accuracy": round(right[name] / len(labels), 6),
            "agreement": round(float((predicted[name] == predicted["fp32"]).mean()), 6),
            "ships": ships,
            "reason": reason,
        }
    return table, found


def predictions(session: "onnxruntime.InferenceSession", inputs: "Inputs", batch_size: int) -> np.ndarray:
    """Return the predicted class of every row, int64 [N] in row order; -1 where a logit is not finite."""
    names = [value.name for value in session.get_inputs()]
    found = np.full(len(inputs), -1, np.int64)
    for index in inputs.order(batch_size, None):
        (logits,) = session.run(None, feed(inputs, index, names))
        found[index.numpy()] = np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), -1)
    return found


def feed(inputs: "Inputs", index: torch.Tensor, names: Sequence[str]) -> Feed:
    """Return the rows at `index` as a session takes them."""
    batch = inputs.take(index, None)
    return {name: np.ascontiguousarray(batch[name].numpy()) for name in names}


def times(
    sessions: "Sessions", inputs: "Inputs", seconds: float, clock: Callable[[], float]
) -> dict[str, dict[int, np.ndarray]]:
    """Return seconds per call, by session and batch size, one number per pass; `seconds` are spent on each size.

    The sessions take turns within every pass, so that whatever else the machine does meets them alike.
    """
    names = [value.name for value in next(iter(sessions.values())).get_inputs()]
    found: dict[str, dict[int, np.ndarray]] = {name: {} for name in sessions}
    for size in BATCHES:
        starts = range(LONE_ROWS if size == 1 else 1)
        feeds = [feed(inputs, torch.arange(start, start + size) % len(inputs), names) for start in starts]
        taken: dict[str, list[float]] = {name: [] for name in sessions}
        once = sum(_pass(session, feeds, clock) for session in sessions.values())  # also warms up
        for turn in range(int(np.clip(seconds / once, FEWEST, MOST))):
            for name in sorted(sessions, reverse=turn % 2 == 1):
                taken[name].append(_pass(sessions[name], feeds, clock) / len(feeds))
        for name in sessions:
            found[name][size] = np.array(taken[name])
    return found


def _pass(session: "onnxruntime.InferenceSession", feeds: Sequence[Feed], clock: Callable[[], float]) -> float:
    began = clock()
    for each in feeds:
        session.run(None, each)
    return clock() - began


def latencies(
    sessions: "Sessions", inputs: "Inputs", device: str, clock: Callable[[], float]
) -> dict[str, dict[str, Any]]:
    """Return, by session, the median milliseconds per call at each batch size and the speed-up over `fp32`."""
    taken = times(sessions, inputs, SECONDS, clock)
    return {
        name: {
            "device": device,
            **{f"batch_{size}_ms": round(float(np.median(taken[name][size])) * 1000, 4) for size in BATCHES},
            **{
                f"batch_{size}_speedup": round(float(np.median(taken["fp32"][size] / taken[name][size])), 3)
                for size in BATCHES
            },
        }
        for name in sessions
    }


def verdict(wish: str, lost: float, found: Mapping[str, Any] | None, settings: "Variants") -> tuple[bool, str]:
    """Return whether a variant ships, and why or why not.

    lost: accuracy on validation rows that it loses against fp32; found: its `latencies`, None where there is no device
    to measure it on. The reason holds nothing measured in time: it goes into the bundle.
    """
    if lost > settings.loses:
        return False, f"loses more than {settings.loses:.2%} of accuracy"
    if wish == "always":
        return True, "asked for" if found else "asked for; speed not measured here, for want of a GPU"
    if found is None:
        return False, "speed not measured here, for want of a GPU"
    if min(found[f"batch_{size}_speedup"] for size in BATCHES) < settings.faster:
        return False, f"not {settings.faster:g} times as fast as fp32"
    return True, f"at least {settings.faster:g} times as fast as fp32"


def in_words(found: Mapping[str, Any] | None) -> str:
    """Return latencies as the stage prints them."""
    if found is None:
        return "speed not measured here"
    speeds = (
        f"{found[f'batch_{size}_ms']:.3g} ms at batch {size} ({found[f'batch_{size}_speedup']:.2f}x)"
        for size in BATCHES
    )
    return f"{', '.join(speeds)} on {found['device']}"


def gpu_sessions(contents: Mapping[str, bytes]) -> "Sessions":
    """Return a session on the GPU for each graph; none where there is no GPU that ONNX Runtime can use."""
    if not torch.cuda.is_available():
        return {}
    import onnxruntime

    onnxruntime.preload_dlls()
    sessions = {name: parity.session(content, 1, "CUDAExecutionProvider") for name, content in contents.items()}
    # Asked for CUDA and not getting it, ONNX Runtime takes the CPU in silence (its issue 23372).
    on_gpu = all(session.get_providers()[0] == "CUDAExecutionProvider" for session in sessions.values())
    return sessions if on_gpu else {}
