"""Sounds in memory, each of its own length: batches of one length by index, distortions for a whole batch at once."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chainrule.fields import audio, spectra
from chainrule.nets.shared.spectrogram import LogMel, frames
from chainrule.system.errors import ParamsError
from chainrule.system.files import read_json, write_json
from chainrule.training.distortions.sound import Sounds

FACTS = "sounds.json"
LONGEST = 10.0
"""Seconds that a net hears at most if the recipe does not say how many."""
_ALL_BUT, _LOOKED_AT, _TOGETHER = 0.98, 2000, 64
_SPECTRUM = ("rate", "samples", "window", "hop", "size", "bands", "low", "high", "level", "colour", "mean", "std")


class Inputs:
    """Sounds int16 [T_n] and targets [N, …] (or none), as the training loop takes them."""

    def __init__(
        self, sounds: Sequence[np.ndarray], target: Tensor | None, facts: Mapping[str, Any], **distort: Any
    ) -> None:
        """Keep the sounds and how each training batch is distorted (`training.distortions.sound`)."""
        self.sounds, self.target, self.samples = sounds, target, int(facts["samples"])
        self.distortions = Sounds(int(facts["rate"]), **distort)
        self.cut = sum(len(each) > self.samples for each in sounds)

    def __len__(self) -> int:
        """Return the number of sounds."""
        return len(self.sounds)

    def order(self, batch_size: int, generator: torch.Generator | None) -> list[Tensor]:
        """Return the batches of one pass as row indices, shuffled by the generator; in row order without one.

        A shuffled pass leaves out a last batch that is under half full or a single row, as that of images does.
        """
        if generator is None:
            return list(torch.split(torch.arange(len(self)), batch_size))
        batches = list(torch.split(torch.randperm(len(self), generator=generator), batch_size))
        fewest = min(batch_size, max(batch_size / 2, 2))
        return batches[:-1] if len(batches) > 1 and len(batches[-1]) < fewest else batches

    def take(self, index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return audio int16 [B, T] and target [B, …]: the middle of each sound, or distorted with a generator."""
        rows = [self.sounds[row] for row in index.tolist()]
        if generator is None:
            found = torch.from_numpy(np.stack([audio.fitted(row, self.samples) for row in rows]))
        else:
            found = self.distortions.apply(self.distortions.placed(rows, self.samples, generator), generator)
        return {"audio": found, **({} if self.target is None else {"target": self.target[index]})}


def held(
    values: Sequence[bytes], decode: Callable[[Sequence[bytes]], np.ndarray], once: bool = False
) -> list[np.ndarray]:
    """Return the samples of rows, int16 each, which lie where the rows themselves do."""
    return list(decode(values))


def of_fields(
    fields: list[Sequence[np.ndarray]], target: Tensor | None, facts: Mapping[str, Any], **distort: Any
) -> Inputs:
    """Return the rows with these sounds in their one input field."""
    (sounds,) = fields
    return Inputs(sounds, target, facts, **distort)


def fit_facts(
    fields: list[Sequence[np.ndarray]],
    tokenizer: dict[str, Any] | None,
    base: dict[str, Any] | None = None,
    normalise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return how training sounds become spectrograms: all in samples and Hz, mean and std in decibels.

    tokenizer: pretrain.tokenizer, in seconds and Hz; normalise: clean.normalise, for its rate. base: what the base's
    net hears, which wins. Raises ParamsError where the base's rate is another, or no band is between low and high.
    """
    (sounds,) = fields
    assert tokenizer is not None and normalise is not None
    rate = int(normalise["rate"])
    if base is not None:
        if base["rate"] != rate:
            raise ParamsError(f"clean.normalise.rate: {rate}, and the base hears {base['rate']}; take that")
        return {name: base[name] for name in _SPECTRUM}
    low, high = float(tokenizer["low"]), min(float(tokenizer["high"] or rate / 2), rate / 2)
    if low >= high:
        raise ParamsError(f"pretrain.tokenizer.low: {low:g} Hz is not below {high:g}, half of clean.normalise.rate")
    window = max(2, round(tokenizer["window"] * rate))
    facts = {
        "rate": rate,
        "samples": _samples(sounds, tokenizer["seconds"], rate),
        "window": window,
        "hop": max(1, round(tokenizer["hop"] * rate)),
        "size": spectra.fast(window),
        "bands": int(tokenizer["bands"]),
        "low": low,
        "high": high,
        "level": str(tokenizer["level"]),
        "colour": float(tokenizer["colour"]),
        "mean": 0.0,
        "std": 1.0,
    }
    return {**facts, **_mean_and_std(sounds, facts)}


def _samples(sounds: Sequence[np.ndarray], seconds: float | None, rate: int) -> int:
    if seconds is not None:
        return max(1, round(seconds * rate))
    lengths = sorted(len(each) for each in sounds) or [rate]
    return max(1, min(lengths[int(_ALL_BUT * (len(lengths) - 1))], round(LONGEST * rate)))


@torch.no_grad()
def _mean_and_std(sounds: Sequence[np.ndarray], facts: Mapping[str, Any]) -> dict[str, float]:
    """Return mean and standard deviation of the decibels of some rows, from all over them."""
    some = [audio.fitted(each, facts["samples"]) for each in sounds[:: max(1, len(sounds) // _LOOKED_AT)]]
    front = LogMel(facts)
    sums, squares, count = 0.0, 0.0, 0
    for start in range(0, len(some), _TOGETHER):
        found = front.decibels(torch.from_numpy(np.stack(some[start : start + _TOGETHER]))).double()
        sums, squares, count = sums + float(found.sum()), squares + float(found.square().sum()), count + found.numel()
    mean = sums / max(count, 1)
    std = max(squares / max(count, 1) - mean**2, 0.0) ** 0.5
    return {"mean": round(mean, 4), "std": round(max(std, 1.0), 4)}


def beside_base(facts: dict[str, Any], base: dict[str, Any], block: dict[str, Any]) -> list[str]:
    """Return in words how these rows differ from the sounds that a base learnt from."""
    asked = block["pretrain"]["tokenizer"]["seconds"]
    if asked is None or round(asked * facts["rate"]) == facts["samples"]:
        return []
    return [f"the base hears {facts['samples'] / facts['rate']:g} s, which win over {asked:g} of pretrain.tokenizer"]


def net_arguments(facts: dict[str, Any]) -> dict[str, int]:
    """Return the arguments of a net that the rows decide: a spectrogram is a picture of one channel."""
    return {"channels": 1}


def net_inputs(facts: dict[str, Any], rows: int) -> tuple[Tensor, ...]:
    """Return what a net is called with for so many rows of these facts: pictures [rows, 1, bands, frames]."""
    return (torch.zeros(rows, 1, facts["bands"], frames(facts)),)


def save_facts(facts: dict[str, Any], folder: Path) -> None:
    """Write the facts where `load_facts` finds them."""
    write_json(folder / FACTS, facts)


def load_facts(folder: Path) -> dict[str, Any]:
    """Read the facts that `save_facts` wrote."""
    facts: dict[str, Any] = read_json(folder / FACTS)
    return facts


def preprocessing(facts: dict[str, Any], normalise: dict[str, Any]) -> dict[str, Any]:
    """Return what a server does to a sound before the graph, which computes the spectrogram itself."""
    limits = ("min_seconds", "max_seconds", "long", "most_seconds", "max_channels")
    return {
        "rate": facts["rate"],
        "samples": facts["samples"],
        **{name: normalise[name] for name in limits if name in normalise},
    }
