"""The fifteen corruptions of images: what they keep, what they change, and by how much more at a higher severity."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chainrule.evaluation.robustness import image
from chainrule.evaluation.robustness.pixels import blur, digital, noise, weather


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pixels(value: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(value)))


def picture(height: int, width: int, colour: bool) -> np.ndarray:
    """Return a slope with a bright block on it, away from black and white."""
    y, x = np.mgrid[:height, :width]
    grey = 60 + 60 * x / width + 80 * ((y > height / 4) & (y < height * 0.7) & (x > width / 3) & (x < width * 0.8))
    levels = np.stack([grey, 0.8 * grey, 200 - grey / 2], axis=2) if colour else grey
    return levels.astype(np.uint8)


def test_there_are_the_fifteen_of_the_paper() -> None:
    assert len(image.CORRUPTIONS) == 15
    assert all(len(each.small) == len(each.large) == 5 for each in image.CORRUPTIONS.values())


@pytest.mark.parametrize("name", image.CORRUPTIONS)
@pytest.mark.parametrize("shape", [(8, 8, False), (28, 20, True), (80, 96, True)])
def test_mode_and_size_stay_and_the_same_seed_gives_the_same(name: str, shape: tuple[int, int, bool]) -> None:
    values = [png(picture(*shape)), png(255 - picture(*shape))]
    found = image.corrupted(values, name, 3, seed=1)
    for before, after in zip(values, found, strict=True):
        assert pixels(after).shape == pixels(before).shape and pixels(after).dtype == np.uint8
        assert not np.array_equal(pixels(after), pixels(before))
    assert image.corrupted(values, name, 3, seed=1) == found
    assert image.corrupted(values[:1], name, 3, seed=1) == found[:1]  # whatever stands beside it
    assert image.corrupted(values, name, 0, seed=1) == values


@pytest.mark.parametrize("name", image.CORRUPTIONS)
@pytest.mark.parametrize("side", [32, 112])
def test_the_severest_is_further_from_the_image_than_the_mildest(name: str, side: int) -> None:
    before = picture(side, side, True)

    def apart(severity: int) -> float:
        found = pixels(image.corrupted([png(before)], name, severity, seed=0)[0])
        return float(np.square(found.astype(float) - before).mean())

    assert 0 < apart(1) < apart(5)


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(sorted(image.CORRUPTIONS)),
    st.integers(1, 5), st.integers(1, 40), st.integers(1, 40), st.booleans(), st.integers(0, 255),
)  # fmt: skip
def test_any_size_and_any_level_come_out_as_an_image(
    name: str, severity: int, height: int, width: int, colour: bool, level: int
) -> None:
    flat = np.full((height, width, 3) if colour else (height, width), level, np.uint8)
    with np.errstate(all="raise", under="ignore"):
        found = image.altered(flat, name, severity, np.random.default_rng(0))
    assert found.shape == flat.shape and found.dtype == np.uint8


RANDOM = np.random.default_rng(0)
FLAT = np.full((64, 64), 0.5)


def test_noise_has_the_spread_that_is_said() -> None:
    assert (noise.gaussian(FLAT, RANDOM, 0.1) - FLAT).std() == pytest.approx(0.1, rel=0.05)
    # A Poisson count of 50 photons has a variance of 50.
    assert (noise.shot(FLAT, RANDOM, 100) - FLAT).std() == pytest.approx(np.sqrt(50) / 100, rel=0.05)
    hit = noise.impulse(FLAT, RANDOM, 0.2) != 0.5
    assert hit.mean() == pytest.approx(0.2, abs=0.02)


def test_a_blur_keeps_what_is_flat_and_spreads_a_point_as_far_as_it_says() -> None:
    point = np.zeros((41, 41))
    point[20, 20] = 1
    for found in (blur.defocus(FLAT, RANDOM, 3, 0.5), blur.motion(FLAT, RANDOM, 3), blur.glass(FLAT, RANDOM, 1, 2, 2)):
        np.testing.assert_allclose(found, FLAT, atol=1e-9)
    disc = blur.defocus(point, RANDOM, 5, 0.2)
    y, x = np.mgrid[-20:21, -20:21]
    assert disc.sum() == pytest.approx(1) and disc[np.hypot(y, x) > 6.5].max() < 1e-3
    np.testing.assert_allclose(disc[np.hypot(y, x) < 4], 1 / (np.pi * 25), rtol=0.1)
    line = blur.motion(point, RANDOM, 3, degrees=(0, 0))
    assert line[20].sum() == pytest.approx(1) and line[20, 23] / line[20, 20] == pytest.approx(np.exp(-0.5), rel=0.05)


def test_brightness_keeps_the_hue_and_contrast_the_mean() -> None:
    colour = np.array([[[0.2, 0.4, 0.1]]])
    raised = weather.brightness(colour, RANDOM, 0.2)
    np.testing.assert_allclose(raised, colour * 1.5)
    slope = np.linspace(0, 1, 64).reshape(8, 8)
    faint = weather.contrast(slope, RANDOM, 0.25)
    assert faint.mean() == pytest.approx(slope.mean()) and np.ptp(faint) == pytest.approx(0.25)


def test_fog_leaves_the_brightest_level_the_brightest() -> None:
    found = weather.fog(picture(32, 32, False) / 255, RANDOM, 1.0, 2.0)
    assert found.max() <= (picture(32, 32, False) / 255).max() + 1e-9


def test_an_elastic_shift_is_as_long_as_it_says() -> None:
    x = np.mgrid[:64, :64][1] / 64.0
    moved = (digital.elastic(x, np.random.default_rng(1), 1.0, 4.0) - x)[8:-8, 8:-8] * 64
    assert np.sqrt((moved**2).mean()) == pytest.approx(1.0, rel=0.35)


def test_pixelate_makes_blocks_and_jpeg_of_high_quality_hardly_changes() -> None:
    found = digital.pixelate(picture(32, 32, False) / 255, RANDOM, 0.25)
    assert np.array_equal(found, np.kron(found[::4, ::4], np.ones((4, 4))))
    soft = picture(32, 32, True) / 255
    assert np.abs(digital.jpeg(soft, RANDOM, 95) - soft).mean() < np.abs(digital.jpeg(soft, RANDOM, 10) - soft).mean()
