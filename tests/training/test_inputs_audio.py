"""Sounds as a training takes them: of one length, distorted, and as spectrograms inside the model."""

from typing import Any

import numpy as np
import pytest
import torch

from chainrule.fields import audio
from chainrule.nets.shared.spectrogram import LogMel, frames
from chainrule.system.errors import ParamsError
from chainrule.training.distortions.sound import Sounds
from chainrule.training.inputs import audio as inputs

TOKENIZER: dict[str, Any] = {
    "seconds": None,
    "bands": 20,
    "window": 0.032,
    "hop": 0.016,
    "low": 20.0,
    "high": None,
    "level": "as_is",
    "colour": 0.0,
}
NORMALISE = {"rate": 8000}


def noise(*lengths: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(-9000, 9000, length).astype(np.int16) for length in lengths]


def fitted(sounds: list[np.ndarray], **changed: Any) -> dict[str, Any]:
    return inputs.fit_facts([sounds], {**TOKENIZER, **changed}, None, NORMALISE)


def test_facts_are_of_training_sounds() -> None:
    sounds = noise(*[4000] * 60, 30_000)
    facts = fitted(sounds)
    assert (facts["samples"], facts["window"], facts["hop"], facts["size"], facts["high"]) == (
        4000,
        256,
        128,
        256,
        4000,
    )
    levels = LogMel(facts).decibels(torch.from_numpy(np.stack([audio.fitted(each, 4000) for each in sounds])))
    assert facts["mean"] == pytest.approx(float(levels.mean()), abs=1e-3)
    assert facts["std"] == pytest.approx(float(levels.std()), abs=1e-2)
    picture = LogMel(facts)(torch.from_numpy(sounds[0])[None])
    assert picture.shape == (1, 1, 20, frames(facts)) == (1, 1, 20, 32)
    assert fitted(sounds, seconds=1.5)["samples"] == 12_000


def test_a_low_end_above_the_high_one_is_refused() -> None:
    with pytest.raises(ParamsError, match="low: 5000 Hz is not below 4000"):
        fitted(noise(4000), low=5000.0)


def test_a_base_of_another_rate_is_refused() -> None:
    facts = fitted(noise(4000))
    assert inputs.fit_facts([noise(8000)], TOKENIZER, facts, NORMALISE) == facts
    with pytest.raises(ParamsError, match="8000, and the base hears 16000"):
        inputs.fit_facts([noise(4000)], TOKENIZER, {**facts, "rate": 16_000}, NORMALISE)


def test_decibels_are_those_of_transformers() -> None:
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    facts = {**fitted(noise(4000)), "mean": 0.0, "std": 1.0}
    (sound,) = noise(4000)
    ours = LogMel(facts).decibels(torch.from_numpy(sound)[None])[0].numpy()
    theirs = spectrogram(
        sound / 32768,
        window_function(256, "hann"),
        frame_length=256,
        hop_length=128,
        fft_length=256,
        power=2.0,
        center=True,
        pad_mode="constant",
        mel_filters=mel_filter_bank(129, 20, 20.0, 4000.0, 8000, norm=None, mel_scale="htk"),
        log_mel="dB",
        reference=(0.5 * window_function(256, "hann").sum()) ** 2,
    )
    heard = mel_filter_bank(129, 20, 20.0, 4000.0, 8000, norm=None, mel_scale="htk").sum(axis=0) > 0
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs)[heard].max() < 1e-2


def test_the_level_tells_nothing_unless_it_is_asked_for() -> None:
    (sound,) = noise(4000)
    pair = torch.from_numpy(np.stack([sound // 8 * 8, sound // 8]))
    of_sound, as_is = (LogMel({**fitted([sound]), "level": level}).decibels(pair) for level in ("sound", "as_is"))
    assert torch.allclose(of_sound[0], of_sound[1], atol=1e-3)
    assert torch.allclose(as_is[0] - as_is[1], torch.tensor(20 * np.log10(8.0)).float(), atol=1e-3)


@pytest.mark.parametrize("level", ["sound", "as_is"])
def test_what_a_microphone_does_to_bands_tells_nothing_without_colour(level: str) -> None:
    (sound,) = noise(4000)
    spectrum = np.fft.rfft(sound)
    tilted = np.fft.irfft(spectrum * np.linspace(1.0, 0.3, len(spectrum))).round().astype(np.int16)
    pair = torch.from_numpy(np.stack([sound, tilted]))

    def apart(colour: float) -> float:
        first, second = LogMel({**fitted([sound]), "level": level, "colour": colour}).decibels(pair)
        return float(((first - second) - (first - second).mean()).abs().mean())

    assert apart(0.0) > 1.5
    assert apart(0.5) == pytest.approx(apart(0.0) / 2, rel=0.15)
    assert apart(1.0) < 0.3


def test_what_is_told_of_a_sound_does_not_depend_on_others_or_on_silence_around_it() -> None:
    facts = fitted(noise(8000), level="sound", colour=1.0)
    sound = np.zeros(8000, np.int16)
    sound[1024:5024] = noise(4000)[0]
    later = np.roll(sound, 1280)
    front = LogMel(facts)
    alone, together = front(torch.from_numpy(sound)[None])[0], front(torch.from_numpy(np.stack([sound, later])))
    assert torch.allclose(alone, together[0], atol=1e-4)
    assert torch.allclose(together[0, :, :, 5:40], together[1, :, :, 15:50], atol=1e-3)


def test_silence_is_finite() -> None:
    facts = fitted(noise(4000), level="sound", colour=0.5)
    assert torch.isfinite(LogMel(facts)(torch.zeros(2, 4000, dtype=torch.int16))).all()


def test_rows_are_cut_to_their_middle_and_in_training_anywhere() -> None:
    facts = fitted(noise(4000))
    sounds = [np.arange(9000, dtype=np.int16), np.ones(1000, np.int16)]
    rows = inputs.of_fields([sounds], torch.tensor([0, 1]), facts, shift=0.05)
    assert rows.cut == 1
    batch = rows.take(torch.tensor([0, 1]), None)
    assert batch["audio"][0, 0] == 2500 and batch["target"].tolist() == [0, 1]
    assert batch["audio"][1].nonzero().min() == 1500
    starts, offsets = set(), set()
    for seed in range(20):
        found = rows.take(torch.tensor([0, 1]), torch.Generator().manual_seed(seed))["audio"]
        assert torch.equal(found[0].diff(), torch.ones(3999, dtype=torch.int16))
        starts.add(int(found[0, 0]))
        offsets.add(int(found[1].nonzero().min()))
    assert len(starts) > 15 and min(starts) < 1500 and max(starts) > 3500
    assert 1100 <= min(offsets) < 1500 < max(offsets) <= 1900


def test_silent_bands_and_times_are_silent() -> None:
    sound = torch.from_numpy(np.stack(noise(4000)))
    hidden = Sounds(8000, frequency_mask=0.4, masks=1).apply(sound, torch.Generator().manual_seed(0))
    lost = 1 - torch.fft.rfft(hidden.float()).abs() / torch.fft.rfft(sound.float()).abs()
    gone = (lost[0] > 0.9).nonzero().flatten()
    assert len(gone) > 50 and gone.max() - gone.min() < len(gone) + 5  # one band
    silent = Sounds(8000, time_mask=0.2, masks=1).apply(sound, torch.Generator().manual_seed(0))[0] == 0
    assert 10 < silent.sum() <= 0.2 * 8000 + 5
    assert torch.equal(Sounds(8000).apply(sound, torch.Generator()), sound)


def test_an_equaliser_colours_and_keeps_the_level() -> None:
    sound = torch.from_numpy(np.stack(noise(8000)))
    found = Sounds(8000, equaliser=12.0).apply(sound, torch.Generator().manual_seed(3)).float()
    assert float(found.square().mean() / sound.float().square().mean()) == pytest.approx(1, abs=0.01)
    gains = 20 * torch.log10(torch.fft.rfft(found).abs() / torch.fft.rfft(sound.float()).abs())[0, 50:-50]
    assert 3 < float(gains.max() - gains.min()) <= 24.5
    assert float(gains.diff().abs().median()) < 0.05  # a smooth curve


def test_gain_and_noise_keep_within_what_is_asked() -> None:
    sound = torch.from_numpy(np.stack(noise(4000) * 1))
    louder = Sounds(8000, gain=6.0).apply(sound, torch.Generator().manual_seed(1)).float()
    ratio = 20 * torch.log10(louder.square().mean().sqrt() / sound.float().square().mean().sqrt())
    assert 0 < abs(float(ratio)) <= 6.01
    noisy = Sounds(8000, noise=0.5).apply(sound, torch.Generator().manual_seed(1)).float() - sound.float()
    assert 0 < float(noisy.square().mean().sqrt()) <= 0.55 * float(sound.float().square().mean().sqrt())


def test_facts_come_back(tmp_path: Any) -> None:
    facts = fitted(noise(4000))
    inputs.save_facts(facts, tmp_path)
    assert inputs.load_facts(tmp_path) == facts
