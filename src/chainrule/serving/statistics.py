"""What a version has done since it was loaded, as the protocol's statistics extension tells it."""

import time
from collections import defaultdict
from typing import Any

from chainrule.serving.batching import Ran


class Statistics:
    """Counts of one version since it was loaded, all from the event loop."""

    def __init__(self) -> None:
        self.requests = 0
        self.failures = 0
        self.items = 0
        self.runs = 0
        self.last = 0
        """Time of the last run, milliseconds since 1970."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Summed over requests: queue, input, infer, success, fail."""
        self.batches: dict[int, list[float]] = {}
        """By batch size: runs, seconds assembling, seconds computing."""

    def add(self, ran: Ran) -> None:
        """Count a run."""
        steps = ran.queued + (ran.assembled + ran.computed) * ran.requests
        if ran.failed:
            self.failures += ran.requests
            self.seconds["fail"] += steps
            return
        self.requests += ran.requests
        self.items += ran.items
        self.runs += 1
        self.last = time.time_ns() // 1_000_000
        self.seconds["queue"] += ran.queued
        self.seconds["input"] += ran.assembled * ran.requests
        self.seconds["infer"] += ran.computed * ran.requests
        self.seconds["success"] += steps
        batch = self.batches.setdefault(ran.items, [0, 0.0, 0.0])
        batch[0] += 1
        batch[1] += ran.assembled
        batch[2] += ran.computed

    def report(self, name: str, version: str) -> dict[str, Any]:
        """Return the counts of the model `name` as the extension has them; times in nanoseconds."""
        timed = {
            "success": (self.requests, "success"), "fail": (self.failures, "fail"),
            "queue": (self.requests, "queue"), "compute_input": (self.requests, "input"),
            "compute_infer": (self.requests, "infer"), "compute_output": (self.requests, "output"),
            "cache_hit": (0, "none"), "cache_miss": (0, "none"),
        }  # fmt: skip
        return {
            "name": name,
            "version": version,
            "last_inference": self.last,
            "inference_count": self.items,
            "execution_count": self.runs,
            "inference_stats": {key: _timed(count, self.seconds[step]) for key, (count, step) in timed.items()},
            "batch_stats": [
                {
                    "batch_size": size,
                    "compute_input": _timed(int(runs), assembled),
                    "compute_infer": _timed(int(runs), computed),
                    "compute_output": _timed(int(runs), 0.0),
                }
                for size, (runs, assembled, computed) in sorted(self.batches.items())
            ],
        }


def _timed(count: int, seconds: float) -> dict[str, int]:
    return {"count": count, "ns": int(seconds * 1e9)}
