"""A waveform as a picture of its spectrum, inside the graph: whoever serves the model cannot compute it otherwise.

The Fourier transform is one convolution with fixed weights: torch.stft has an operator of its own in ONNX, which
differs from torch's by up to a hundredth.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.fields import spectra

LEVELS = 32768.0
FLOOR = spectra.FLOOR
_HEARD, _SOFT = 45.0, 3.0  # decibels below the loudest at which a moment counts half, and how soon more or less
_LEAST = 1e-10  # of a band's power, and so -100 dB


class LogMel(nn.Module):
    """Samples int16 [B, T] to decibels [B, 1, bands, frames] of mel bands, those of training rows about 0 and 1 wide.

    Hann windows of `window` samples every `hop`, the first and last half in silence; triangular bands from `low` to
    `high` Hz (`spectra.mel_filters`). level "sound": the loudest of a sound is 0 dB, whatever it was recorded with, and
    what is 80 dB below is the least; "as_is": 0 dB is what a sine of full scale has. colour: the share of each band's
    mean over what is heard that is taken away, as microphone and room make it (cepstral mean normalisation, Atal 1974).
    """

    waves: Tensor
    bands: Tensor

    def __init__(self, facts: Mapping[str, Any]) -> None:
        """Take rate (1/s), window, hop, size (samples), bands, low and high (Hz), level, colour, mean and std (dB)."""
        super().__init__()
        size, window = int(facts["size"]), int(facts["window"])
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
        turns = 2 * np.pi * np.outer(np.arange(size // 2 + 1), np.arange(window)) / size
        scaled = hann / (0.5 * hann.sum())  # a sine of amplitude 1 has the power 1
        waves = np.concatenate([np.cos(turns), np.sin(turns)]) * scaled
        filters = spectra.mel_filters(int(facts["bands"]), size, int(facts["rate"]), facts["low"], facts["high"])
        self.register_buffer("waves", torch.from_numpy(waves.astype(np.float32)[:, None]), persistent=False)
        self.register_buffer("bands", torch.from_numpy(filters.T.copy()), persistent=False)
        self.hop, self.pad, self.of_sound = int(facts["hop"]), window // 2, facts["level"] == "sound"
        self.colour = float(facts["colour"])
        self.mean, self.std = float(facts["mean"]), float(facts["std"])

    def decibels(self, audio: Tensor) -> Tensor:
        """Return decibels [B, bands, frames] of samples [B, T], int16 or float in the same levels."""
        found = nn.functional.conv1d(audio.float()[:, None] / LEVELS, self.waves, stride=self.hop, padding=self.pad)
        cosines, sines = found.chunk(2, dim=1)
        power = self.bands @ (cosines.square() + sines.square())
        found = 10 * power.clamp(min=_LEAST).log10()
        if self.of_sound or self.colour:
            below = (found - found.amax(dim=(1, 2), keepdim=True)).clamp(min=-FLOOR)
            found = (below if self.of_sound else found) - self.colour * _means(below)
        return found

    def forward(self, audio: Tensor) -> Tensor:
        """Return the picture [B, 1, bands, frames] of samples [B, T]."""
        if torch.is_autocast_enabled(audio.device.type):  # eight bits of mantissa are too few for what is left of sums
            with torch.autocast(audio.device.type, enabled=False):
                found = self.decibels(audio)
        else:
            found = self.decibels(audio)
        return ((found - self.mean) / self.std)[:, None]


def _means(below: Tensor) -> Tensor:
    """Return the mean of each band over what is heard, [B, bands, 1], of decibels below the loudest [B, bands, frames].

    Moments come to count by degrees: at a border rounding would decide.
    """
    heard = ((below.amax(dim=1, keepdim=True) + _HEARD) / _SOFT).sigmoid()
    return (below * heard).sum(dim=2, keepdim=True) / heard.sum(dim=2, keepdim=True)


def frames(facts: Mapping[str, Any]) -> int:
    """Return how many spectra there are of a sound of as many samples as the facts say."""
    padded = facts["samples"] + 2 * (facts["window"] // 2)
    return int(1 + max(0, (padded - facts["window"]) // facts["hop"]))
