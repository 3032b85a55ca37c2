"""Whether a variant of the graph ships: it answers a row by that row alone, as well as fp32, and is smaller.

All of it is a function of the stage's inputs. How fast a variant is here is measured beside it and decides nothing.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from chainrule.evaluation import primary
from chainrule.evaluation.primary import SHARE, Facts, Primary
from chainrule.exporting import independence, parity
from chainrule.exporting.variants import Feed
from chainrule.serving import offline
from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    import onnxruntime

    from chainrule.recipes.export import Variants
    from chainrule.training.prediction import Inputs

    Sessions = Mapping[str, onnxruntime.InferenceSession]


class Asked(NamedTuple):
    """What answers rows."""

    run: offline.Run
    names: list[str]
    """Of its inputs."""


def of_session(session: "onnxruntime.InferenceSession") -> Asked:
    """Return a graph that runs once as what answers rows."""
    return Asked(offline.runner(session, "the graph"), [value.name for value in session.get_inputs()])


PROBES = 16  # validation rows, from the shortest to the longest, that are asked alone and among each other
BATCHES = (1, 32)
LONE_ROWS = 16  # different rows that one pass at batch 1 goes through: texts differ in length
SECONDS = 1.5  # of measuring at each batch size
FEWEST, MOST = 5, 400  # passes of each graph


def choose(
    graphs: Mapping[str, bytes],
    validation: "Inputs",
    target: np.ndarray,
    measure: Any,
    facts: Facts,
    batch_size: int,
    padding: Mapping[str, int],
    settings: "Variants",
    also: Callable[[offline.Arrays], dict[str, Any]] = lambda _: {},
    asked: Mapping[str, Asked] | None = None,
    track: parity.Track = parity.unseen,
) -> dict[str, dict[str, Any]]:
    """Return, by variant, what it is and whether it ships.

    graphs: `fp32` and its variants, all run on one thread of the CPU, so that the answer is the same with a GPU and
    without; target: of the validation rows, as `measure`, the task's metrics, takes it with the facts of the training
    targets; padding: what fills a varying axis of an input; also: what else is to be kept of a variant, by its outputs
    for the validation rows, where all are numbers; asked: what answers rows by each of the graphs, where one run of a
    graph does not; track: as of `parity.on_rows`. Raises ChainruleError if fp32 itself answers a row by what shares its
    batch.
    """
    found, differences = {}, {}
    for name, content in graphs.items():
        # One session at a time: each keeps the memory that its largest batch took.
        each = of_session(offline.session(content, name, 1)) if asked is None else asked[name]
        found[name] = outputs(each, validation, batch_size, track, f"asks {name}")
        differences[name] = beside_others(each, validation, padding, measure, facts)
    if not differences["fp32"] <= independence.SAME:  # not: a NaN must fail
        raise ChainruleError(
            f"the graph's answer to a row depends on the rows or the padding beside it: probabilities differ by "
            f"{differences['fp32']:.1e}, {independence.SAME:g} is rounding; take another `net`"
        )
    values = {name: primary.value(measure, answers, target, facts) for name, answers in found.items()}
    table = {}
    for name, content in graphs.items():
        ships, reason = True, "the reference"
        finite = all(np.isfinite(each).all() for each in found[name].values())
        if not finite:
            ships, reason = False, "its answer to some rows is no number"
        elif name != "fp32":
            lost = primary.gain(measure.PRIMARY, values["fp32"], values[name])
            times_smaller = len(graphs["fp32"]) / len(content)
            ships, reason = verdict(
                getattr(settings, name), differences[name], lost, times_smaller, settings, measure.PRIMARY
            )
        table[name] = {
            "bytes": len(content),
            measure.PRIMARY.name: round(values[name], 6) if np.isfinite(values[name]) else None,
            "agreement": round(float(measure.agree(found[name], found["fp32"], facts).mean()), 6),
            "batch_difference": differences[name] if np.isfinite(differences[name]) else None,
            "ships": ships,
            "reason": reason,
            **(also(found[name]) if finite else {}),
        }
    return table


def verdict(
    wish: str, difference: float, lost: float, smaller: float, settings: "Variants", decisive: Primary
) -> tuple[bool, str]:
    """Return whether a variant ships, and why or why not.

    difference: of a row's probabilities, alone and beside others; lost: how much of PRIMARY on validation rows it loses
    against fp32, NaN where they cannot tell; smaller: how many times smaller than fp32 it is.
    """
    if not difference <= independence.SAME:  # not: a NaN must fail
        return False, "its answer to a row depends on the rows or the padding beside it"
    if lost > settings.loses:
        most = f"{settings.loses:.2%}" if decisive.unit == SHARE else f"{settings.loses:g}"
        return False, f"loses more than {most} of {primary.words(decisive.name)}"
    if wish == "always":
        return True, "asked for"
    if smaller < settings.smaller:
        return False, f"not {settings.smaller:g} times smaller than fp32"
    return True, f"at least {settings.smaller:g} times smaller than fp32, as right"


def beside_others(
    asked: Asked,
    inputs: "Inputs",
    padding: Mapping[str, int],
    measure: Any,
    facts: Facts,
) -> float:
    """Return the largest difference of a probability between rows asked alone and beside others."""
    in_order = torch.cat(inputs.order(len(inputs), None))
    chosen = in_order[torch.linspace(0, len(inputs) - 1, min(PROBES, len(inputs))).long()]
    rows = [parity.feed(inputs, row, asked.names) for row in torch.split(chosen, 1)]
    return independence.largest_difference(lambda batch: measure.comparable(asked.run(batch), facts), rows, padding)


def outputs(
    asked: Asked, inputs: "Inputs", batch_size: int, track: parity.Track = parity.unseen, label: str = ""
) -> dict[str, np.ndarray]:
    """Return the outputs [N, ...] by name, in row order; track: as of `parity.batches`."""
    return offline.in_batches(asked.run, parity.batches(inputs, asked.names, batch_size, track, label))


def speeds(graphs: Mapping[str, bytes], inputs: "Inputs") -> dict[str, dict[str, Any]]:
    """Return, by variant, how fast it is here; fp16 is left out where there is no GPU.

    It is no function of the inputs: it belongs in no output of a stage.
    """
    # A session of one thread computes in the thread that calls it. That thread's own time is the latency on a free
    # core, whatever else the machine is doing meanwhile.
    on_cpu = {name: offline.session(content, name, 1) for name, content in graphs.items() if name != "fp16"}
    found = latencies(on_cpu, inputs, "CPU, 1 thread", time.thread_time)
    on_gpu = gpu_sessions({name: graphs[name] for name in graphs if name != "int8"}) if "fp16" in graphs else {}
    if on_gpu:
        found["fp16"] = latencies(on_gpu, inputs, "GPU", time.perf_counter)["fp16"]
    return found


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
        feeds = [parity.feed(inputs, torch.arange(start, start + size) % len(inputs), names) for start in starts]
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
    sessions = {name: offline.session(content, name, 1, "CUDAExecutionProvider") for name, content in contents.items()}
    # Asked for CUDA and not getting it, ONNX Runtime takes the CPU in silence (its issue 23372).
    on_gpu = all(session.get_providers()[0] == "CUDAExecutionProvider" for session in sessions.values())
    return sessions if on_gpu else {}
