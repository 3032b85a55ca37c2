import gzip
import io
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chainrule.data.duplicates import anchored, unify_groups
from chainrule.data.formats import png
from chainrule.fields import image, thumbnails
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def grey(pixels: np.ndarray) -> bytes:
    return encoded(Image.fromarray(pixels.astype(np.uint8)))


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def normalised(raw: bytes, mode: image.Mode = "L", size: int | None = None, max_pixels: int = 10_000):
    return image.normalise(raw, mode=mode, size=size, max_pixels=max_pixels)


def test_a_plain_png_of_the_right_mode_and_size_is_kept_byte_for_byte():
    raw = grey(noise(0, 8, 8))
    assert normalised(raw, size=8) == (raw, [])


def test_a_png_with_more_than_pixels_in_it_is_written_anew():
    raw = encoded(Image.fromarray(noise(0, 8, 8)), dpi=(300, 300), icc_profile=b"a profile")
    value, repairs = normalised(raw, size=8)
    assert b"pHYs" in raw
    assert b"iCCP" in raw
    assert b"pHYs" not in value
    assert b"iCCP" not in value
    assert repairs == []
    assert (image.decode([value])[0, :, :, 0] == noise(0, 8, 8)).all()


def test_exif_orientation_is_applied_and_counted():
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, :4] = 255
    value, repairs = normalised(encoded(Image.fromarray(pixels), "WEBP", lossless=True, exif=exif), mode="RGB")
    turned = image.decode([value])[0]
    assert turned.shape == (8, 4, 3)
    assert (turned == np.rot90(pixels, -1)).all()
    assert repairs == ["exif_orientation"]


@pytest.mark.parametrize(
    ("picture", "mode", "level", "repairs"),
    [
        (Image.new("RGBA", (3, 3), (0, 0, 0, 0)), "RGB", 255, ["alpha"]),
        (Image.new("LA", (3, 3), (0, 0)), "L", 255, ["alpha"]),
        (Image.new("P", (3, 3), 0), "L", 0, ["palette"]),
        (Image.new("1", (3, 3), 1), "L", 255, ["colour_space"]),
        (Image.new("L", (3, 3), 7), "RGB", 7, ["grey_to_colour"]),
        (Image.new("RGB", (3, 3), (7, 7, 7)), "L", 7, ["colour_to_grey"]),
        (Image.new("RGB", (3, 3), (200, 0, 0)), "L", 60, ["colour_to_grey", "colour_lost"]),
        (Image.fromarray(np.full((3, 3), 0x8080, np.uint16)), "L", 128, ["sixteen_bit"]),
    ],
)
def test_every_mode_comes_out_as_asked(picture, mode, level, repairs):
    value, done = normalised(encoded(picture), mode=mode)
    assert done == repairs
    assert (image.decode([value]) == level).all()
    assert image.decode([value]).shape == (1, 3, 3, {"L": 1, "RGB": 3}[mode])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
def test_every_format_is_read_and_normalised_once(kind):
    first, _ = normalised(encoded(Image.fromarray(noise(1, 9, 6)), kind), mode="RGB", size=4)
    assert Image.open(io.BytesIO(first)).size == (4, 4)
    assert normalised(first, mode="RGB", size=4) == (first, [])


def test_only_the_first_frame_of_an_animation_is_kept():
    frames = [Image.new("L", (3, 3), level) for level in (10, 200)]
    value, repairs = normalised(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert "first_frame" in repairs
    assert image.decode([value]).mean() == 10


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "unreadable_image"),
        (b"<html>not found</html>", "unreadable_image"),
        (grey(noise(0, 20, 20))[:200], "unreadable_image"),
        (encoded(Image.fromarray(noise(0, 20, 20)), "JPEG")[:300], "unreadable_image"),
        (encoded(Image.new("L", (4, 4)), "TGA"), "unreadable_image"),
        (encoded(Image.new("L", (101, 100))), "too_many_pixels"),
        (encoded(Image.new("L", (20_000, 20_000), 0)), "too_many_pixels"),
        (encoded(Image.new("F", (4, 4), 0.5), "TIFF"), "unsupported_depth"),
    ],
    ids=["empty", "a page", "cut PNG", "cut JPEG", "another format", "too large", "bomb", "floats"],
)
def test_what_cannot_be_used_is_rejected_with_a_reason(raw, reason):
    with pytest.raises(Reject) as caught:
        normalised(raw)
    assert caught.value.reason == reason
    assert caught.value.detail
    assert "0x" not in caught.value.detail


@settings(max_examples=60)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"]),
    changes=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=6),
    end=st.integers(1, 2_000),
)
def test_damaged_bytes_are_normalised_or_rejected_but_never_crash(kind, changes, end):
    raw = bytearray(encoded(Image.fromarray(noise(2, 16, 16)), kind))
    for at, byte in changes:
        raw[at % len(raw)] = byte
    try:
        value, _ = normalised(bytes(raw[:end]))
    except Reject:
        return
    assert normalised(value) == (value, [])


def test_decoding_images_of_two_sizes_says_what_to_do():
    with pytest.raises(DataError, match=r"image 1 is 5x4 L and image 0 is 4x4 L: set `size`"):
        image.decode([grey(noise(0, 4, 4)), grey(noise(0, 4, 5))])


def test_the_key_depends_on_pixels_and_shape_alone():
    pixels = noise(3, 4, 6)
    same = encoded(Image.fromarray(pixels), compress_level=0)
    assert image.key(grey(pixels)) == image.key(same)
    assert image.key(grey(pixels)) != image.key(grey(pixels.reshape(6, 4)))
    assert image.key(grey(pixels)) != image.key(grey(pixels ^ 1))


def test_near_duplicates_are_exactly_the_pairs_within_the_threshold():
    rng = np.random.default_rng(4)
    bases = rng.integers(0, 200, (12, 16, 16))
    pixels = np.concatenate([bases + rng.integers(0, high, bases.shape) for high in (1, 8, 16, 50)]).astype(np.uint8)
    difference = np.abs(pixels[:, None].astype(int) - pixels[None]).mean((2, 3)) / 255
    expected = np.argwhere(np.triu(difference <= 0.02, 1))
    found = image.near_duplicates([grey(one) for one in pixels], 0.02)
    assert 12 <= len(expected) < 100
    assert (found == expected).all()


def test_thin_strokes_on_an_empty_ground_are_not_alike_by_their_emptiness():
    strokes = np.zeros((3, 16, 16), np.uint8)
    strokes[0, :, 7] = strokes[1, :, 8] = strokes[2, :, 7] = 40  # two parallel strokes, and one of them again
    strokes[2, 0, 7] = 38
    difference = np.abs(strokes[0].astype(int) - strokes[1]).mean() / 255
    assert difference < 0.02
    assert image.near_duplicates([grey(one) for one in strokes], 0.02).tolist() == [[0, 2]]


def test_the_thin_ones_of_mnist_make_no_large_group(real_data):
    with gzip.open(real_data / "mnist" / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(16 + 20_000 * 28 * 28), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(real_data / "mnist" / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(8 + 20_000), np.uint8, offset=8)
    ones = [grey(one) for one in pixels[labels == 1]]
    pairs = image.near_duplicates(ones, 0.02)
    groups = unify_groups([f"{n:05d}" for n in range(len(ones))], pairs[anchored(pairs)])
    assert len(ones) > 2_000
    assert max(Counter(groups).values()) <= 10


def test_the_limit_on_pixels_may_lie_above_pillows_own():
    raw = encoded(Image.new("1", (9_500, 9_500)))
    assert 9_500 * 9_500 > 89_478_485  # Pillow warns from here on
    with pytest.raises(Reject, match="9500 by 9500 is more than 90000000 pixels"):
        image.normalise(raw, mode="L", size=4, max_pixels=90_000_000)
    assert image.normalise(raw, mode="L", size=4, max_pixels=91_000_000)[1] == ["colour_space", "resized"]


def test_fewer_than_two_images_have_no_near_duplicates():
    assert image.near_duplicates([], 0.02).shape == (0, 2)
    assert image.near_duplicates([grey(noise(0, 4, 4))], 0.02).shape == (0, 2)


def test_too_many_candidates_are_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr(thumbnails, "_MAX_CANDIDATES", 2)
    with pytest.raises(DataError, match=r"about 3 pairs of 3 images .* lower clean.near_duplicates"):
        image.near_duplicates([grey(np.full((16, 16), 9))] * 3, 0.01)


def test_an_augmented_copy_follows_its_generator():
    value = grey(noise(5, 12, 12))
    options = {"degrees": 10.0, "shift": 0.1, "scale": 0.1}
    first = image.augmented_copy(value, np.random.default_rng(1), **options)
    assert first == image.augmented_copy(value, np.random.default_rng(1), **options)
    assert first != image.augmented_copy(value, np.random.default_rng(2), **options)
    assert normalised(first, size=12) == (first, [])


def test_an_augmented_copy_with_nothing_to_alter_is_the_image():
    pixels = noise(6, 9, 12)
    copy = image.augmented_copy(grey(pixels), np.random.default_rng(0), degrees=0, shift=0, scale=0)
    assert (image.decode([copy])[0, :, :, 0] == pixels).all()


def test_a_copy_is_turned_about_its_centre_and_filled_with_the_border():
    pixels = np.full((21, 21, 3), 40, np.uint8)
    pixels[8:13, 8:13] = 200
    value = encoded(Image.fromarray(pixels))
    for seed in range(5):
        copy = image.augmented_copy(value, np.random.default_rng(seed), degrees=45, shift=0, scale=0)
        turned = image.decode([copy])[0]
        assert (turned[10, 10] == 200).all()
        assert (turned[[0, 0, -1, -1], [0, -1, 0, -1]] == 40).all()
        heights, widths = np.nonzero(turned[..., 0] > 120)
        assert abs(heights.mean() - 10) < 0.5
        assert abs(widths.mean() - 10) < 0.5


def test_describe_gives_width_height_and_mean():
    described = image.describe([grey(np.full((2, 3), 7)), grey(np.full((4, 5), 9))])
    assert described.to_dict("list") == {"width": [3, 5], "height": [2, 4], "mean": [7.0, 9.0]}


def test_an_image_becomes_square_as_asked():
    pixels = np.full((4, 8), 200, np.uint8)
    pixels[:, 3:5] = 0
    found = {
        fit: image.decode([image.normalise(grey(pixels), mode="L", size=8, max_pixels=100, fit=fit)[0]])[0, :, :, 0]
        for fit in ("cut", "pad", "stretch")
    }
    assert (found["cut"][4] < 100).sum() in (3, 4, 5), "the middle half, twice as wide"
    assert (found["pad"][:2] == 200).all() and (found["pad"][3:5, 3:5] < 50).all(), "the colour of the border around it"
    assert (found["stretch"][:, 3:5] < 60).all() and (found["stretch"][:, 0] > 190).all()


def test_what_is_behind_an_image_is_what_was_asked_for_and_none_may_be():
    raw = encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 0)))
    levels = {
        alpha: image.decode([image.normalise(raw, mode="L", size=None, max_pixels=100, alpha=alpha)[0]]).max()
        for alpha in ("white", "grey", "black")
    }
    assert levels == {"white": 255, "grey": 128, "black": 0}
    with pytest.raises(Reject, match="transparent_image"):
        image.normalise(raw, mode="L", size=None, max_pixels=100, alpha="reject")


@pytest.mark.parametrize(
    ("picture", "depth", "levels"),
    [
        (Image.fromarray(np.array([[0, 1028], [2056, 4095]], np.uint16)), "scale", [0, 4, 8, 16]),
        (Image.fromarray(np.array([[0, 1028], [2056, 4095]], np.uint16)), "stretch", [0, 64, 128, 255]),
        (Image.fromarray(np.array([[-1.5, 0.0], [0.75, 1.5]], np.float32)), "stretch", [0, 128, 191, 255]),
        (Image.fromarray(np.full((2, 2), 7, np.uint16)), "stretch", [0, 0, 0, 0]),
    ],
)
def test_deep_grey_levels_are_brought_to_eight_bit_as_asked(picture, depth, levels):
    raw = encoded(picture, "TIFF")
    value, _ = image.normalise(raw, mode="L", size=None, max_pixels=100, depth=depth)
    assert image.decode([value]).ravel().tolist() == levels
    with pytest.raises(Reject, match="unsupported_depth"):
        image.normalise(raw, mode="L", size=None, max_pixels=100, depth="reject")


def test_an_animation_is_rejected_where_that_is_asked_for():
    frames = [Image.fromarray(noise(seed, 4, 4)) for seed in range(3)]
    raw = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(Reject, match="animation: 3 frames"):
        image.normalise(raw, mode="L", size=None, max_pixels=100, animation="reject")


OFF = {"degrees": 0.0, "shift": 0.0, "scale": 0.0}


def copies(picture: np.ndarray, count: int = 40, **options: object) -> np.ndarray:
    """Return float [count, …] pixels of as many copies."""
    rng = np.random.default_rng(0)
    return np.stack([
        image.decode([image.augmented_copy(grey(picture), rng, **(OFF | options))])[0].astype(float)
        for _ in range(count)
    ]).squeeze()  # fmt: skip


def test_what_is_off_draws_nothing_so_that_copies_of_before_stay_the_same_bytes():
    turned = {"degrees": 20.0, "shift": 0.1, "scale": 0.1}
    raw = grey(noise(3, 12, 12))
    off = {"crop": 1.0, "flip": False, "vertical_flip": False, "colour": 0.0, "blur": 0.0, "noise": 0.0, "erase": 0.0}
    plain, other = (np.random.default_rng(5) for _ in range(2))
    assert image.augmented_copy(raw, plain, **turned) == image.augmented_copy(raw, other, **turned, **off)
    assert plain.random() == other.random()


def test_copies_are_mirrored_half_of_the_time():
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4) * 10
    for option, mirrored in (("flip", picture[:, ::-1]), ("vertical_flip", picture[::-1])):
        same = [(copy == picture).all() for copy in copies(picture, **{option: True})]
        other = [(copy == mirrored).all() for copy in copies(picture, **{option: True})]
        assert 8 < sum(same) < 32 and sum(same) + sum(other) == 40


def test_copies_differ_in_light_noise_sharpness_and_what_is_lost_as_far_as_asked():
    flat, half = np.full((20, 20), 100, np.uint8), np.full((20, 20), 50, np.uint8)
    half[:, 10:] = 150
    means = copies(flat, colour=0.3).mean(axis=(1, 2))
    assert 68 <= means.min() < 80 and 120 < means.max() <= 132
    deviations = copies(flat, noise=0.1).std(axis=(1, 2))
    assert deviations.min() < 8 and 18 < deviations.max() < 28
    steps = [np.abs(np.diff(copy, axis=1)).max() for copy in copies(half, blur=1.0)]
    assert max(steps) <= 100 and min(steps) < 95
    lost = np.array([(copy != flat).mean() for copy in copies(flat, erase=0.2)])
    assert 8 < (lost > 0).sum() < 32 and lost.max() < 0.25
    cut = copies(half, crop=0.3)
    assert len({int((copy < 100).sum()) for copy in cut}) > 5, "the border lies elsewhere"


@pytest.mark.parametrize("shape", [(5, 9), (9, 5, 3), (1, 1), (4, 4, 3)])
@pytest.mark.parametrize("level", [0, 1, 6])
def test_pixels_are_the_same_whoever_packed_them(shape: tuple[int, ...], level: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, *shape), np.uint8)
    pixels[0] = 0
    written = [encoded(Image.fromarray(each), "PNG", compress_level=level) for each in pixels]
    for values in (written, png.encode(pixels)):
        assert (image.decode(values) == pixels.reshape(*pixels.shape[:3], -1)).all()
        assert [image.key(value) for value in values] == [image.key(value) for value in written]
