"""Which number format a training computes in: from what the hardware is, never from a clock."""

import torch


def resolve(precision: str, gains_from_bf16: bool) -> str:
    """Return "fp32" or "bf16" for a wish ("auto", "fp32", "bf16").

    auto: bf16 where the net declares that it gains from it and the device multiplies bf16 in hardware (a GPU of
    compute capability 8 and above; a CPU with AMX or AVX-512 BF16). The same machine always chooses the same.
    """
    if precision != "auto":
        return precision
    return "bf16" if gains_from_bf16 and multiplies_bf16() else "fp32"


def multiplies_bf16() -> bool:
    """Return whether the training device has instructions for products of bf16 matrices."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_capability()[0] >= 8
    has = torch.cpu.get_capabilities()
    return bool(has.get("amx_tile") or has.get("avx512_bf16"))
