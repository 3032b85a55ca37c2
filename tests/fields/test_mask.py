import io

import numpy as np
import pytest
from PIL import Image

from chainrule.fields import image, mask
from chainrule.fields.names import renaming
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

NAMES = ["ground", "tree", "car"]
PLACES = np.array([[0, 0, 1, 1], [0, 2, 2, 255], [0, 0, 0, 1]], np.uint8)
VALUE = mask.written(PLACES, NAMES)


def png(pixels: np.ndarray, **more: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **more)
    return buffer.getvalue()


def test_a_mask_says_by_itself_what_it_means() -> None:
    assert mask.about(VALUE) == (tuple(NAMES), ("#000000", "#800000", "#008000"), (6, 3, 2))
    assert (mask.read(VALUE) == PLACES).all()
    assert mask.present(VALUE) == tuple(NAMES)
    assert mask.normalise(VALUE) == (VALUE, [])
    assert mask.classes([VALUE, mask.written(PLACES * 0, NAMES)]) == [tuple(NAMES), ("ground",)]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("no base64 %", "unreadable_mask"),
        (mask.base64.b64encode(png(PLACES)).decode(), "unreadable_mask"),
        (mask.written(np.full((2, 2), 255, np.uint8), NAMES), "nothing_marked"),
        (mask.written(PLACES + np.uint8(7), NAMES), "pixels_of_no_class"),
    ],
)
def test_what_is_no_mask_is_turned_away(raw: str, reason: str) -> None:
    with pytest.raises(Reject) as caught:
        mask.normalise(raw)
    assert caught.value.reason == reason


@pytest.mark.parametrize("options", [{}, {"fit": "stretch"}, {"fit": "pad"}], ids=["cut", "stretch", "pad"])
def test_a_mask_is_cut_as_its_image_is(options: dict[str, str]) -> None:
    places = np.zeros((40, 60), np.uint8)
    places[10:30, 20:50] = 1
    picture = png(np.where(places[..., None] == 1, 250, 5).astype(np.uint8).repeat(3, axis=2))
    value = mask.written(places, NAMES)
    assert mask.over(value, picture, {"size": None, **options}) == (value, [])
    found = mask.read(mask.over(value, picture, {"size": 24, **options})[0])
    png_of_it, _ = image.normalise(picture, mode="L", size=24, max_pixels=10_000, fit=options.get("fit", "cut"))
    seen = image.decode([png_of_it])[0, :, :, 0]
    assert found.shape == seen.shape == (24, 24)
    known = found != 255
    assert ((seen > 127) == (found == 1))[known].mean() > 0.96
    assert known.all() == (options.get("fit") != "pad")


def test_a_mask_of_another_size_is_turned_away_and_a_turned_photograph_counts_as_seen() -> None:
    with pytest.raises(Reject, match="4 by 3 over an image of 3 by 4") as caught:
        mask.over(VALUE, png(np.zeros((4, 3, 3), np.uint8)), {"size": None})
    assert caught.value.reason == "mask_of_another_size"
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    assert mask.over(VALUE, png(np.zeros((4, 3, 3), np.uint8), exif=exif), {"size": None})[0] == VALUE


def test_classes_are_renamed_merged_and_dropped() -> None:
    rename = renaming({"map": {"car": "thing", "tree": "thing"}, "drop": ["ground"]})
    assert rename is not None
    found, repairs = mask.renamed(VALUE, rename)
    assert mask.about(found).classes == ("thing",) and repairs == ["renamed_label"]
    assert (mask.read(found) == np.where(np.isin(PLACES, (1, 2)), 0, 255)).all()
    with pytest.raises(Reject, match="drops"):
        mask.renamed(mask.written(PLACES * 0, NAMES), rename)


def test_encoding_follows_names_and_not_the_order_of_a_source() -> None:
    other = mask.written(np.array([[1, 0], [2, 2]], np.uint8), ["car", "ground", "tree"])
    facts = mask.fit([VALUE])
    assert facts["classes"] == NAMES
    assert mask.encode([other], facts).tolist() == [[[0, 2], [1, 1]]]
    assert mask.decode(mask.encode([VALUE], facts), facts) == [VALUE]
    with pytest.raises(DataError, match="'bus' is none of"):
        mask.encode([mask.written(PLACES * 0, ["bus"])], facts)
    with pytest.raises(DataError, match="set `size`"):
        mask.encode([VALUE, other], facts)
    # A class of which no training row has a pixel is none of the model's.
    assert mask.fit([mask.written(PLACES % 2, NAMES)])["classes"] == ["ground", "tree"]


def test_a_copy_moves_image_and_mask_alike() -> None:
    random = np.random.default_rng(0)
    places = np.zeros((24, 32), np.uint8)
    places[6:14, 9:20] = 1
    pixels = np.where(places[..., None] == 1, 250, 5).astype(np.uint8).repeat(3, axis=2)
    options = {"degrees": 30, "shift": 0.1, "scale": 0.2, "crop": 0.6, "flip": True, "vertical_flip": True}
    value, picture = mask.written(places, NAMES), png(pixels)
    for seed in random.integers(0, 1000, 8).tolist():
        moved = mask.read(mask.altered_alike(value, np.random.default_rng(seed), **options))
        copy = image.augmented_copy(picture, np.random.default_rng(seed), **options, colour=0.0)
        bright = image.decode([copy])[0, :, :, 0] > 127
        known = moved != 255
        assert (bright[known] == (moved[known] == 1)).mean() > 0.95
        assert (moved == 1).any()


def test_what_a_model_says_and_what_is_kept_of_it() -> None:
    logits = np.log(np.array([[[[0.7, 0.2]], [[0.2, 0.5]], [[0.1, 0.3]]]], np.float32))
    found, sure = mask.said({"logits": logits})
    assert found.tolist() == [[[0, 1]]]
    np.testing.assert_allclose(sure, [[[0.7, 0.5]]], atol=1e-3)
    assert mask.said(mask.kept({"logits": logits}))[0].tolist() == found.tolist()
    values, sureness = mask.answered({"logits": logits}, {"classes": NAMES, "colours": mask.palette(3)})
    assert mask.present(values[0]) == ("ground", "tree")
    assert sureness["confidence"] == pytest.approx(0.6, abs=1e-3)
    _, measured = mask.compared(values, {"classes": NAMES})
    assert measured.numbers["share of tree"].tolist() == [0.5]
