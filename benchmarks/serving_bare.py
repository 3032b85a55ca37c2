"""The bare session: how fast ONNX Runtime runs a bundle's graph with nothing around it.

`serving_bare.py ROOT SECONDS NAME ...` prints JSON: by model and batch size items/s and the p50 of one run in
milliseconds, for a session by its defaults (as many threads as cores), and items/s of as many sessions of one thread
as there are cores, side by side.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import serving_load
import serving_models

BATCHES = (1, 8, 32)


def main(root: Path, seconds: float, names: list[str]) -> None:
    """Measure every model, one after the other."""
    print(json.dumps({name: measure(root / "models" / "onnx" / name / "model.onnx", name, seconds) for name in names}))


def measure(graph: Path, name: str, seconds: float) -> dict[str, Any]:
    """Measure one model: by batch size for one session by default, and for sessions side by side."""
    one = serving_models.examples(name, 32)
    feeds = {size: {key: np.concatenate([each[key] for each in one[:size]]) for key in one[0]} for size in BATCHES}
    default = session(graph, None)
    found: dict[str, Any] = {"default": {}, "one_thread_each": {}}
    for size, feed in feeds.items():
        latencies = loop(default, feed, seconds)
        p50 = serving_load.percentile(latencies, 0.5) * 1000
        found["default"][size] = {"items_per_second": size * len(latencies) / sum(latencies), "p50_ms": p50}
    del default  # its threads spin
    for size, feed in feeds.items():
        found["one_thread_each"][size] = {"items_per_second": size * side_by_side(graph, feed, seconds)}
    lone = loop(session(graph, 1), feeds[1], seconds)
    found["one_thread_p50_ms"] = serving_load.percentile(lone, 0.5) * 1000
    return found


def side_by_side(graph: Path, feed: dict[str, np.ndarray], seconds: float) -> float:
    """Return runs per second of as many sessions of one thread as there are cores, at work at once."""
    runs: list[list[float]] = [[] for _ in range(len(os.sched_getaffinity(0)))]
    threads = [
        threading.Thread(target=lambda run=run: run.extend(loop(session(graph, 1), feed, seconds))) for run in runs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(len(run) / sum(run) for run in runs)


def session(graph: Path, threads: int | None) -> Any:
    """Open a graph with so many threads; None: ONNX Runtime's default."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if threads:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def loop(opened: Any, feed: dict[str, np.ndarray], seconds: float) -> list[float]:
    """Run again and again; return seconds per run, a warm-up left out."""
    for _ in range(10):
        opened.run(None, feed)
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        opened.run(None, feed)
        latencies.append(time.perf_counter() - began)
    return latencies


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
