"""Randomness as a function of what is done: every draw has a generator seeded by its place in the training."""

import torch


def seeded(*parts: int) -> torch.Generator:
    """Return a generator seeded by several numbers."""
    return torch.Generator().manual_seed(mix(*parts))


def mix(*parts: int) -> int:
    """Return one 63-bit seed from several numbers (a linear congruential step per part, Knuth's constants)."""
    state = 0
    for part in parts:
        state = (state * 6364136223846793005 + part * 1442695040888963407 + 0x9E3779B97F4A7C15) % 2**64
        state ^= state >> 29
    return state % 2**63


def seed_default(seed: int, device: torch.device) -> None:
    """Seed what draws without a generator of its own; torch.manual_seed visits every back end, at every step."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
