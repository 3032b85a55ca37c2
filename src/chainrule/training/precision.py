"""Which number format a training computes in: from what the hardware is, never from a clock."""

import torch

from chainrule.system.errors import ParamsError


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


def multiplies_bf16() -> bool:
    """Return whether the training device has instructions for products of bf16 matrices."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_capability()[0] >= 8
    has = torch.cpu.get_capabilities()
    return bool(has.get("amx_tile") or has.get("avx512_bf16"))
