"""Corruptions of sounds: each does what it says, more of it by severity, and the same whatever is beside a row."""

import numpy as np
import pytest

from chainrule.evaluation.robustness import audio as robustness
from chainrule.fields import audio, sounds

RATE = 8000


def value(seed: int = 0, seconds: float = 0.5) -> bytes:
    random = np.random.default_rng(seed)
    count = int(seconds * RATE)
    tone = 0.4 * np.sin(2 * np.pi * 400 * np.arange(count) / RATE) + 0.05 * random.standard_normal(count)
    return audio.wav(audio.whole(tone), RATE)


def away(name: str, severity: int) -> float:
    before, _ = audio.floats(value())
    (made,) = robustness.corrupted([value()], name, severity, seed=1)
    after, rate = audio.floats(made)
    assert rate == RATE and np.isfinite(after).all()
    size = min(len(before), len(after))
    return float(np.abs(before[:size] - after[:size]).mean()) + abs(len(before) - len(after)) / RATE


@pytest.mark.parametrize("name", robustness.CORRUPTIONS)
def test_more_is_done_by_severity(name: str) -> None:
    found = [away(name, severity) for severity in (1, 3, 5)]
    assert 0 < found[0] < found[2]
    assert robustness.corrupted([value()], name, 0, seed=1) == [value()]


@pytest.mark.parametrize("name", robustness.CORRUPTIONS)
def test_a_row_is_altered_by_its_place_alone(name: str) -> None:
    alone = robustness.corrupted([value()], name, 3, seed=1)
    assert robustness.corrupted([value(), value(2, 0.3)], name, 3, seed=1)[:1] == alone


@pytest.mark.parametrize("name", ["white_noise", "pink_noise"])
def test_noise_is_as_loud_as_it_says(name: str) -> None:
    before, _ = audio.floats(value())
    after, _ = audio.floats(robustness.corrupted([value()], name, 3, seed=1)[0])
    assert sounds.level(before) - sounds.level(after - before) == pytest.approx(12, abs=0.1)


def test_a_narrow_band_holds_nothing_above_it() -> None:
    after, _ = audio.floats(robustness.corrupted([value()], "low_pass", 4, seed=1)[0])
    power = np.abs(np.fft.rfft(after)) ** 2
    assert power[len(power) // 4 + 2 :].sum() < 1e-4 * power.sum()


def test_clipping_levels_the_loudest() -> None:
    after, _ = audio.floats(robustness.corrupted([value()], "clipping", 5, seed=1)[0])
    assert (np.abs(after) >= np.abs(after).max() - 1e-4).mean() == pytest.approx(0.4, abs=0.01)


def test_silence_stays_finite() -> None:
    silent = audio.wav(np.zeros(800, np.int16), RATE)
    for name in robustness.CORRUPTIONS:
        (made,) = robustness.corrupted([silent], name, 5, seed=1)
        assert np.isfinite(audio.floats(made)[0]).all(), name
