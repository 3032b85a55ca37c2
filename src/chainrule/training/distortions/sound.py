"""What happens to the sounds of a training batch: place in time, noise, level, bands and moments that fall silent.

Hiding bands and moments is SpecAugment (Park et al. 2019, arXiv:1904.08779) without its warping of time; it is done to
the samples, as the spectrogram is inside the model.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

LEVELS = 32768
POINTS = 5


class Sounds:
    """How each row is altered at random; what is off draws nothing."""

    def __init__(
        self,
        rate: int,
        *,
        shift: float = 0.0,
        gain: float = 0.0,
        noise: float = 0.0,
        equaliser: float = 0.0,
        time_mask: float = 0.0,
        frequency_mask: float = 0.0,
        masks: int = 0,
    ) -> None:
        """Keep how far sounds may be altered.

        rate: samples a second. shift: seconds by which a sound that is shorter than what the net hears may lie from its
        middle. gain: decibels, both ways. noise: white, as a share of the sound's own level. equaliser: decibels, both
        ways, by which bands differ, drawn at POINTS places of the mel scale and straight between them, as microphones
        and rooms colour a sound (after Nam et al. 2022, FilterAugment, arXiv:2110.03282). masks: how often a time of up
        to time_mask seconds falls silent, and a band of up to frequency_mask of all mels.
        """
        self.rate, self.shift, self.gain, self.noise = rate, shift, gain, noise
        self.equaliser = equaliser
        self.time_mask, self.frequency_mask, self.masks = time_mask, frequency_mask, masks

    def placed(self, rows: Sequence[np.ndarray], count: int, generator: torch.Generator) -> Tensor:
        """Return sounds int16 [T_n] each as int16 [B, count]: of longer ones a piece from anywhere in them."""
        found = torch.zeros(len(rows), count, dtype=torch.int16)
        draws = torch.rand(len(rows), generator=generator).tolist()
        for place, (row, draw) in enumerate(zip(rows, draws, strict=True)):
            slack = count - len(row)
            if slack < 0:
                start = int(draw * (1 - slack))
                found[place] = torch.from_numpy(row[start : start + count].copy())
                continue
            reach = min(slack / 2, self.shift * self.rate)
            start = round(slack / 2 + (2 * draw - 1) * reach)
            found[place, start : start + len(row)] = torch.from_numpy(row.copy())
        return found

    def apply(self, sounds: Tensor, generator: torch.Generator) -> Tensor:
        """Return sounds int16 [B, T] altered: colour, noise, silent bands and times, another level, in this order."""
        if not (self.gain or self.noise or self.equaliser or (self.masks and (self.time_mask or self.frequency_mask))):
            return sounds
        found = sounds.float()
        if self.equaliser:
            found = self._coloured(found, generator)
        if self.noise:
            level = found.square().mean(dim=1, keepdim=True).sqrt()
            share = self.noise * torch.rand(len(found), 1, generator=generator)
            found = found + torch.randn(found.shape, generator=generator) * level * share
        for _ in range(self.masks):
            if self.frequency_mask:
                found = self._without_band(found, generator)
            if self.time_mask:
                found = found * ~_within(found.shape[1], *self._times(found, generator))
        if self.gain:
            decibels = self.gain * (2 * torch.rand(len(found), 1, generator=generator) - 1)
            found = found * 10 ** (decibels / 20)
        return found.round().clamp(-LEVELS, LEVELS - 1).to(torch.int16)

    def _times(self, sounds: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return first and last + 1 of the samples that fall silent, [B, 1] each."""
        length = sounds.shape[1]
        most = min(self.time_mask * self.rate, length)
        width, place = torch.rand(2, len(sounds), 1, generator=generator)
        width = width * most
        start = place * (length - width)
        return start, start + width

    def _mels(self, bins: int, length: int) -> Tensor:
        """Return the mels of the bins of a transform of so many samples."""
        return 2595 * (1 + torch.arange(bins) * (self.rate / length) / 700).log10()

    def _coloured(self, sounds: Tensor, generator: torch.Generator) -> Tensor:
        spectrum = torch.fft.rfft(sounds)
        mels = self._mels(spectrum.shape[1], sounds.shape[1])
        place = mels / mels[-1] * (POINTS - 1)
        below = place.long().clamp(max=POINTS - 2)
        drawn = self.equaliser * (2 * torch.rand(len(sounds), POINTS, generator=generator) - 1)
        decibels = torch.lerp(drawn[:, below], drawn[:, below + 1], (place - below).expand(len(sounds), -1))
        level = sounds.square().mean(dim=1, keepdim=True)
        found = torch.fft.irfft(spectrum * 10 ** (decibels / 20), n=sounds.shape[1])
        # As loud as before, or what is loud already would be clipped.
        coloured: Tensor = found * (level / found.square().mean(dim=1, keepdim=True).clamp(min=1e-9)).sqrt()
        return coloured

    def _without_band(self, sounds: Tensor, generator: torch.Generator) -> Tensor:
        spectrum = torch.fft.rfft(sounds)
        mels = self._mels(spectrum.shape[1], sounds.shape[1])
        width, place = torch.rand(2, len(sounds), 1, generator=generator)
        width = width * self.frequency_mask * mels[-1]
        start = place * (mels[-1] - width)
        found: Tensor = torch.fft.irfft(spectrum * ~((mels >= start) & (mels < start + width)), n=sounds.shape[1])
        return found


def _within(length: int, start: Tensor, end: Tensor) -> Tensor:
    """Return where places 0..length-1 lie between, bool [B, length]."""
    places = torch.arange(length)
    return (places >= start) & (places < end)
