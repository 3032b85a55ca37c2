"""Which number format a training computes in: from what the hardware is, never from a clock; and computing in it.

accelerate could do it, but has one format for a whole process, in which two trainings may follow one another.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.system.errors import ParamsError

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def resolve(precision: str, gains_from_bf16: bool) -> str:
    """Return "fp32", "bf16" or "fp16" for a wish, which may be "auto", too.

    auto: bf16 where the net declares that it gains from half precision and the device multiplies bf16 in hardware (a
    GPU of compute capability 8 and above; a CPU with AMX or AVX-512 BF16), fp16 on a GPU that multiplies that alone
    (7.x). The same machine always chooses the same. Raises ParamsError for fp16 without a GPU.
    """
    if precision == "fp16" and not torch.cuda.is_available():
        raise ParamsError("precision: fp16 needs a GPU, and there is none here; auto takes what the machine has")
    if precision != "auto":
        return precision
    if not gains_from_bf16:
        return "fp32"
    if multiplies_bf16():
        return "bf16"
    return "fp16" if torch.cuda.is_available() and torch.cuda.get_device_capability()[0] == 7 else "fp32"


def doubts(precision: str) -> str:
    """Return in words why a wish is slow on this machine; empty: it is not."""
    if precision == "bf16" and not multiplies_bf16():
        return "bf16: this machine has no instructions for it and may take many times as long; auto takes what it has"
    return ""


def multiplies_bf16() -> bool:
    """Return whether the training device has instructions for products of bf16 matrices."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_capability()[0] >= 8
    has = torch.cpu.get_capabilities()
    return bool(has.get("amx_tile") or has.get("avx512_bf16"))


def called(objective: nn.Module, batches: Sequence[dict[str, Tensor]], precision: str) -> dict[str, Any]:
    """Return what an objective makes of batches, its products in the format "fp32", "bf16" or "fp16".

    What it returns is float32, whatever it was computed in (Micikevicius et al. 2018, arXiv:1710.03740).
    """
    device = next(iter(batches[0].values())).device
    with torch.autocast(device.type, HALVES.get(precision), enabled=precision in HALVES):
        found: dict[str, Any] = objective(*batches)
    return _single(found)  # type: ignore[no-any-return]


def _single(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _single(part) for name, part in value.items()}
    return value.float() if isinstance(value, Tensor) and value.dtype in HALVES.values() else value
