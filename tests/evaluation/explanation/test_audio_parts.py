"""Pieces of a sound: they add up to it, each is where it says, and an explanation finds the one that matters."""

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.explanation.parts import audio
from chainrule.evaluation.explanation.paths import audio as path

RATE, COUNT = 8000, 4000
FACTS = {"rate": RATE}


def sound() -> np.ndarray:
    return np.random.default_rng(0).integers(-8000, 8000, (1, COUNT)).astype(np.int16)


def test_pieces_add_up() -> None:
    made = audio.pieces(sound()[0], 6, 8, RATE)
    assert made.shape == (6, 8, COUNT)
    assert np.abs(made.sum(axis=(0, 1)) - sound()[0]).max() < 0.01


def test_hiding_none_is_the_sound_and_all_is_silence() -> None:
    parts = audio.divide({"audio": sound()}, {}, FACTS, None, 100)
    masks = np.stack([np.ones(len(parts.about), bool), np.zeros(len(parts.about), bool)])
    whole, silent = parts.hidden(masks)["audio"]
    assert np.abs(whole.astype(int) - sound()[0]).max() <= 1 and not silent.any()
    assert whole.dtype == np.int16 and not parts.blank["audio"].any()
    assert len(parts.about) == 48 and parts.note == ""


def test_a_piece_is_where_it_says() -> None:
    parts = audio.divide({"audio": sound()}, {}, FACTS, None, 100)
    for place in (0, 20, 47):
        about = parts.about[place]
        (alone,) = parts.hidden(np.eye(len(parts.about), dtype=bool)[[place]])["audio"].astype(float)
        heard = np.flatnonzero(np.abs(alone) > np.abs(alone).max() / 10) / RATE
        assert about["from"] - 0.01 <= heard.min() and heard.max() <= about["to"] + 0.01
        power = np.abs(np.fft.rfft(alone)) ** 2
        hertz = np.fft.rfftfreq(COUNT, 1 / RATE)
        inside = power[(hertz >= about["low"] - 60) & (hertz <= about["high"] + 60)].sum()
        assert inside > 0.95 * power.sum()


def test_fewer_runs_make_fewer_pieces_and_say_so() -> None:
    parts = audio.divide({"audio": sound()}, {}, FACTS, None, 12)
    assert len(parts.about) <= 12 and "fewer than 6 and 8" in parts.note
    assert len(audio.divide({"audio": sound()}, {}, FACTS, None, 1).about) == 1


class Band(nn.Module):
    """A model that hears nothing but the power of one band."""

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        spectrum = torch.fft.rfft(audio.float() / 32768)
        return {"value": spectrum[:, 1000:1100].abs().square().sum(dim=1, keepdim=True)}


def test_the_way_from_silence_is_along_the_pieces() -> None:
    parts = audio.divide({"audio": sound()}, {}, FACTS, None, 100)
    run, start, end = path.ends(Band(), {"audio": sound()}, parts)
    assert start.shape == end.shape == (48,)
    with torch.no_grad():
        found = run(torch.stack([start, end]))["value"].flatten()
        whole = Band()(torch.from_numpy(sound()))["value"].flatten()
    assert found[0] == 0 and torch.allclose(found[1:], whole, rtol=1e-3)
