"""The graphs of a model that writes: traced, compared with it in numbers and in texts, and their smaller variants."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tokenizers import Tokenizer

from chainrule.exporting import graph, parity, variants
from chainrule.exporting.gate import BATCHES, Asked
from chainrule.serving import offline
from chainrule.serving.decoding import decode, rows
from chainrule.serving.decoding.rows import Maker, Writer
from chainrule.serving.offline import Arrays
from chainrule.training.writing import Part

if TYPE_CHECKING:
    import onnx

    from chainrule.training.prediction import Inputs

    Graphs = Mapping[str, onnx.ModelProto]

ROWS = 500
"""Validation rows of which whole texts are compared."""
BEGINNING, BEHIND = 16, 32
"""Tokens of a text that a causal model goes on from, and that it makes, where texts are compared."""
FEEDS, SHOWN = 48, 16
"""Runs of a graph, and rows of each, by which activations are calibrated."""
PASSES = 3


def traced(parts: Mapping[str, Part]) -> "dict[str, onnx.ModelProto]":
    """Return the graph of each part. Raises ChainruleError for one that cannot be exported."""
    return {name: graph.to_onnx(module, examples[0], dynamic) for name, (module, examples, dynamic) in parts.items()}


def opened(contents: Mapping[str, bytes], threads: int) -> dict[str, Any]:
    """Return a session of each graph."""
    return {name: offline.session(content, f"{name}.onnx", threads) for name, content in contents.items()}


def writer(signature: Mapping[str, Any], sessions: Mapping[str, Any], tokenizer: str) -> Writer:
    """Return a model that writes by its graphs."""
    makers = {name: _maker(session, name) for name, session in sessions.items()}
    return rows.writer(signature["decoding"], signature["graphs"], makers, Tokenizer.from_str(tokenizer))


def at_shapes(parts: Mapping[str, Part], sessions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return, for each example of each graph, the largest absolute difference of an output."""
    results = []
    for name, (module, examples, _) in parts.items():
        for example in examples:
            with torch.no_grad():
                expected = {key: tensor.numpy() for key, tensor in module(**example).items()}
            inputs = {key: tensor.numpy() for key, tensor in example.items()}
            found = offline.runner(sessions[name], name, list(expected))(inputs)
            most = max((float(np.abs(found[key] - each).max(initial=0)) for key, each in expected.items()), default=0.0)
            shapes = {key: "×".join(map(str, array.shape)) for key, array in inputs.items()}
            results.append({"graph": name, **shapes, "max_difference": most})
    return results


def on_rows(
    model: Writer,
    graphs: Writer,
    inputs: "Inputs",
    names: Sequence[str],
    agree: Callable[[Arrays, Arrays], np.ndarray],
    batch_size: int,
) -> dict[str, Any]:
    """Return, over the first ROWS rows, the share with the same answer and the largest difference of an output.

    Where both write they must write the same tokens, and the difference is that of `score`.
    """
    firsts = (_first(batch, ROWS) for batch in parity.batches(inputs, names, batch_size))
    batches = [batch for batch in firsts if len(batch[0])]
    expected, found = (offline.in_batches(rows.of_rows(each), batches) for each in (model, graphs))
    same = agree(expected, found)
    if "tokens" in expected:
        same = same & _same_tokens(expected, found)
        difference = np.abs(expected["score"] - found["score"])[same]
    else:
        difference = np.stack([_apart(found[name], each) for name, each in expected.items()])
    finite = np.isfinite(difference).all()
    most = float(difference.max(initial=0)) if finite else float("nan")
    return {"rows": len(same), "agreement": float(same.mean()), "max_difference": most}


def texts(model: Writer, graphs: Writer, inputs: "Inputs", names: Sequence[str]) -> dict[str, Any]:
    """Return of how many beginnings of rows both write the same tokens, by the likeliest each time, and the share."""
    index = torch.arange(min(ROWS, len(inputs)))
    feeds = [parity.feed(inputs, each, names) for each in torch.split(index, 32)]
    short = [{name: array[:, :BEGINNING] for name, array in feed.items()} for feed in feeds]
    settings = replace(decode.greedily(graphs.rules.defaults), max_new_tokens=BEHIND)
    same = [
        _same_tokens(rows.generated(model, settings)(feed), rows.generated(graphs, settings)(feed)) for feed in short
    ]
    whole = np.concatenate(same)
    return {"rows": len(whole), "agreement": float(whole.mean())}


def smaller(
    variant: str, graphs: "Graphs", at_work: Callable[[Mapping[str, Any]], Writer], feeds: Iterable[Arrays]
) -> dict[str, bytes]:
    """Return every graph as int8 or fp16. at_work: a model that writes by sessions; feeds: batches of training rows."""
    if variant == "fp16":
        return {name: variants.fp16(each) for name, each in graphs.items()}
    shown = recorded(graphs, at_work, feeds)
    return {name: variants.int8(each, iter(shown[name])) for name, each in graphs.items()}


def recorded(
    graphs: "Graphs", at_work: Callable[[Mapping[str, Any]], Writer], feeds: Iterable[Arrays]
) -> dict[str, list[Arrays]]:
    """Return what each graph is run with while rows are told and texts are written."""
    found: dict[str, list[Arrays]] = {name: [] for name in graphs}
    sessions = {
        name: _Recorder(offline.session(each.SerializeToString(), name), found[name]) for name, each in graphs.items()
    }
    writer = at_work(sessions)
    settings = replace(decode.greedily(writer.rules.defaults), max_new_tokens=BEHIND)
    for feed in feeds:
        part = {name: array[:SHOWN] for name, array in feed.items()}
        rows.of_rows(writer)(part)
        rows.generated(writer, settings)({name: array[:, :BEGINNING] for name, array in part.items()})
    return {name: each[:: max(1, len(each) // FEEDS)][:FEEDS] for name, each in found.items()}


def speeds(asked: Mapping[str, Asked], inputs: "Inputs") -> dict[str, dict[str, Any]]:
    """Return, by variant, how fast rows are answered here on one thread, as `gate.speeds` does."""
    taken: dict[str, dict[int, float]] = {name: {} for name in asked}
    for size in BATCHES:
        index = torch.arange(size) % len(inputs)
        for name, each in asked.items():
            feed = parity.feed(inputs, index, each.names)
            passes = []
            for _ in range(PASSES):
                began = time.thread_time()
                each.run(feed)
                passes.append(time.thread_time() - began)
            taken[name][size] = float(np.median(passes))
    return {
        name: {
            "device": "CPU, 1 thread",
            **{f"batch_{size}_ms": round(1000 * found[size], 4) for size in BATCHES},
            **{f"batch_{size}_speedup": round(taken["fp32"][size] / found[size], 3) for size in BATCHES},
        }
        for name, found in taken.items()
    }


class _Recorder:
    """A session that keeps what it is run with."""

    def __init__(self, session: Any, kept: list[Arrays]) -> None:
        self._session, self._kept = session, kept

    def get_outputs(self) -> Any:
        """Return the session's outputs."""
        return self._session.get_outputs()

    def run(self, outputs: Sequence[str], inputs: Arrays) -> Any:
        """Run the session."""
        self._kept.append(inputs)
        return self._session.run(outputs, inputs)


def _maker(session: Any, name: str) -> Maker:
    return lambda outputs: offline.runner(session, name, outputs)


def _first(batch: tuple[np.ndarray, Arrays], most: int) -> tuple[np.ndarray, Arrays]:
    """Return those of a batch that are among the first rows."""
    places, inputs = batch
    chosen = places < most
    return places[chosen], {name: array[chosen] for name, array in inputs.items()}


def _same_tokens(ours: Arrays, theirs: Arrays) -> np.ndarray:
    """Return where two wrote the same tokens, bool [N]."""
    width = max(ours["tokens"].shape[1], theirs["tokens"].shape[1])
    one, other = (np.pad(each["tokens"], ((0, 0), (0, width - each["tokens"].shape[1]))) for each in (ours, theirs))
    found: np.ndarray = (one == other).all(axis=1) & (ours["length"] == theirs["length"])
    return found


def _apart(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return the largest difference of each row, [N]."""
    most: np.ndarray = np.abs(found - expected).reshape(len(expected), -1).max(axis=1, initial=0)
    return most
