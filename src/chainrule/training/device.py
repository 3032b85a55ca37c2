"""The machine as a training sees it."""

import os

import torch


def prepare(threads: int) -> str:
    """Make results repeat on this machine, use `threads` cores, and return what trains, in words.

    Same seed, same machine, same number of threads: the same weights, bit for bit.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    # The same as use_deterministic_algorithms(True, warn_only=True), which also loads torch's compiler: a second.
    torch.set_deterministic_debug_mode("warn")
    # Filling fresh memory guards against reading it unset; nothing here does, and it costs time at every operation.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {threads} {'core' if threads == 1 else 'cores'}"
