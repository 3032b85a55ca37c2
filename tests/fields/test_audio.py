"""Sounds as cleaning has them: one form of any file, what is refused and why, what is alike, and numbers of spectra."""

import io

import numpy as np
import pytest
import soundfile

import audio_files
from chainrule.fields import audio, sounds, spectra
from chainrule.fields.reject import Reject

LIMITS = {"rate": 8000, "min_seconds": 0.05, "max_seconds": 2.0}


def tone(hertz: float, seconds: float = 0.5, rate: int = 8000) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def strongest(samples: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples))


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "PCM_24"),
        ("WAV", "FLOAT"),
        ("FLAC", None),
        ("OGG", None),
        ("MP3", None),
        ("AIFF", None),
    ],
)
def test_files_of_any_format_become_one(kind: str, subtype: str | None) -> None:
    found, repairs = audio.normalise(audio_files.encoded(tone(500), kind, subtype=subtype), **LIMITS)
    samples, rate = audio.floats(found)
    assert rate == 8000 and repairs == []
    assert strongest(samples, rate) == pytest.approx(500, abs=5)
    # A lossy coder may change the level a little.
    assert sounds.level(samples) == pytest.approx(sounds.level(tone(500)), abs=0.5)


def test_a_normalised_sound_stays_as_it_is() -> None:
    once, _ = audio.normalise(audio_files.encoded(tone(500), "FLAC"), **LIMITS)
    assert audio.normalise(once, **LIMITS) == (once, [])
    assert np.array_equal(audio.heard(once)[0], audio.whole(tone(500)))
    with soundfile.SoundFile(io.BytesIO(once)) as file:
        assert (file.format, file.subtype, file.channels, file.samplerate) == ("WAV", "PCM_16", 1, 8000)


def test_channels_are_averaged_and_rates_resampled() -> None:
    stereo = np.stack([tone(500, rate=44_100), np.zeros(22_050)], axis=1)
    found, repairs = audio.normalise(audio_files.encoded(stereo, rate=44_100), **LIMITS)
    samples, _ = audio.floats(found)
    assert repairs == ["mixed_to_mono", "resampled"]
    assert len(samples) == 4000
    middle = samples[500:3500]
    assert np.abs(middle - 0.5 * tone(500)[500:3500]).max() < 1e-3


def test_what_lies_above_half_the_rate_is_filtered_out() -> None:
    found, _ = audio.normalise(audio_files.encoded(tone(6000, rate=44_100), rate=44_100), **LIMITS)
    samples, _ = audio.floats(found)
    assert sounds.level(samples[500:-500]) < -60  # folded back it would be 2 kHz at -9 dB


def test_long_ones_are_cut_to_their_middle_or_refused() -> None:
    raw = audio_files.encoded(np.concatenate([tone(300, 1), tone(900, 2), tone(300, 1)]))
    found, repairs = audio.normalise(raw, **LIMITS)
    samples, rate = audio.floats(found)
    assert (len(samples), repairs) == (16_000, ["cut"])
    assert strongest(samples, rate) == pytest.approx(900, abs=1)
    with pytest.raises(Reject, match="too_many_seconds"):
        audio.normalise(raw, **LIMITS, long="reject")


def whole(kind: str = "WAV") -> bytes:
    return audio_files.encoded(tone(500, 1.5), kind)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "unreadable_sound"),
        (b"no sound at all", "unreadable_sound"),
        (whole()[:5000], "truncated_sound"),
        (whole("FLAC")[:3000], "truncated_sound"),
        (whole("OGG")[:3000], "truncated_sound"),
        (audio_files.encoded(np.zeros(0)), "empty_sound"),
        (audio_files.encoded(tone(500, 0.01)), "too_short"),
        (audio_files.encoded(np.zeros((800, 96))), "too_many_channels"),
        (audio_files.encoded(np.array([0.1, np.nan] * 800), subtype="FLOAT"), "not_finite"),
        (audio_files.encoded(np.zeros(3601 * 1000), "FLAC", rate=1000), "too_many_seconds"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(Reject) as refused:
        audio.normalise(raw, **LIMITS)
    assert refused.value.reason == reason
    assert "0x" not in refused.value.detail and "\n" not in refused.value.detail


def test_a_header_that_announces_hours_is_refused_before_they_are_read() -> None:
    raw = bytearray(audio_files.encoded(tone(500)))
    raw[40:44] = (2**31 - 1000).to_bytes(4, "little")
    with pytest.raises(Reject, match="truncated_sound"):
        audio.normalise(bytes(raw), **LIMITS)


def test_keys_are_of_samples_and_rate() -> None:
    one, other = (
        audio.normalise(audio_files.encoded(audio.whole(tone(500)), kind), **LIMITS)[0] for kind in ("WAV", "FLAC")
    )
    assert audio.key(one) == audio.key(other)
    assert audio.key(one) != audio.key(audio.wav(audio.heard(one)[0], 16_000))
    assert audio.key(one) != audio.key(audio.wav(audio.heard(one)[0][:-1], 8000))


def test_what_was_encoded_anew_is_alike_and_what_was_said_again_is_not() -> None:
    def clean(raw: bytes) -> bytes:
        return audio.normalise(raw, **LIMITS)[0]

    said, again = audio_files.spoken("up", "ada", 1), audio_files.spoken("down", "bob", 2)
    values = [clean(audio_files.encoded(said)), clean(audio_files.encoded(again))]
    values += [clean(audio_files.encoded(said * 0.5)), clean(audio_files.encoded(said, "MP3"))]
    assert audio.near_duplicates(values, 0.02).tolist() == [[0, 2], [0, 3], [2, 3]]


def test_a_copy_follows_from_its_draws() -> None:
    value = audio.wav(audio.whole(tone(500)), 8000)
    options = {"shift": 0.0, "gain": 0.0, "speed": 0.0, "noise": 0.0}
    assert audio.augmented_copy(value, np.random.default_rng(0), **options) == value
    copies = [audio.augmented_copy(value, np.random.default_rng(1), **{**options, "speed": 0.2}) for _ in range(2)]
    assert copies[0] == copies[1]
    samples, rate = audio.floats(copies[0])
    factor = 4000 / len(samples)
    assert 0.8 <= factor <= 1.2 and factor != 1
    assert strongest(samples, rate) == pytest.approx(500 * factor, rel=0.01)
    louder, _ = audio.floats(audio.augmented_copy(value, np.random.default_rng(1), **{**options, "gain": 6.0}))
    assert 0 < abs(sounds.level(louder) - sounds.level(tone(500))) <= 6


def test_samples_are_put_into_the_middle() -> None:
    assert audio.fitted(np.array([1, 2], np.int16), 5).tolist() == [0, 1, 2, 0, 0]
    assert audio.fitted(np.arange(7, dtype=np.int16), 3).tolist() == [2, 3, 4]
    assert sounds.moved(np.array([1.0, 2, 3]), 1).tolist() == [0, 1, 2]
    assert sounds.moved(np.array([1.0, 2, 3]), -2).tolist() == [3, 0, 0]
    assert sounds.moved(np.array([1.0, 2, 3]), 9).tolist() == [0, 0, 0]


def test_mel_filters_are_those_of_transformers() -> None:
    from transformers.audio_utils import mel_filter_bank

    theirs = mel_filter_bank(129, 20, 20.0, 4000.0, 8000, norm=None, mel_scale="htk")
    ours = spectra.mel_filters(20, 256, 8000, 20.0, 4000.0)
    filled = theirs.sum(axis=0) > 0
    assert np.abs(ours - theirs)[:, filled].max() < 1e-6
    assert (ours.sum(axis=0) > 0).all()


def test_traits_of_a_tone() -> None:
    samples = np.concatenate([np.zeros(2000), tone(1000), np.zeros(2000)])
    found = sounds.traits(samples, 8000)
    assert found["centre of the spectrum (Hz)"] == pytest.approx(1000, abs=20)
    assert found["seconds heard"] == pytest.approx(0.5, abs=0.05)
    assert found["peak"] == pytest.approx(0.5, abs=1e-3)
    assert found["level (dB)"] == pytest.approx(10 * np.log10(0.125 / 2), abs=0.1)
    assert sounds.traits(np.zeros(800), 8000)["level (dB)"] == sounds.SILENCE


def test_drift_compares_what_the_graph_gets() -> None:
    rows = [{"audio": audio.fitted(audio.whole(tone(hertz)), 6000)[None]} for hertz in (500, 1500)]
    found = audio.measure(rows, ["audio"], None, {"audio": {"rate": 8000}})["audio"]
    assert found.numbers["centre of the spectrum (Hz)"] == pytest.approx([500, 1500], abs=60)
    assert found.vectors["spectrum"].shape == (2, audio.BANDS)
