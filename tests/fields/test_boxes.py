"""Boxes as a kind of value: what is repaired and refused, how they lie over an image that is made another size."""

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chainrule.fields import boxes, image
from chainrule.fields.names import Renaming
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

PLAIN = {"size": [100, 50], "boxes": [[10, 5, 30, 25, "cell"], [60, 10, 90, 40, "dot", "difficult"]]}


def text(**changes: Any) -> str:
    return json.dumps({**PLAIN, **changes})


def file(width: int = 100, height: int = 50, orientation: int | None = None) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new("RGB", (width, height)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("no JSON", "unreadable_boxes"),
        (text(boxes=[[1, 2, 3]]), "unreadable_boxes"),
        (text(boxes=[[1, 2, 3, 4, ""]]), "unreadable_boxes"),
        (text(boxes=[[1, 2, float("nan"), 4, "cell"]]), "unreadable_boxes"),
        (text(boxes=[[1, 2, 3, 4, "cell", "odd"]]), "unreadable_boxes"),
        (text(size=[0, 4]), "unreadable_boxes"),
        (text(boxes=[[30, 5, 10, 25, "cell"]]), "inverted_box"),
        (text(boxes=[[1, 1, 2, 2 + number, "cell"] for number in range(boxes.MOST_BOXES + 1)]), "too_many_boxes"),
    ],
)
def test_what_is_no_list_of_boxes_is_refused_with_its_reason(raw: str, reason: str) -> None:
    with pytest.raises(Reject) as found:
        boxes.normalise(raw)
    assert found.value.reason == reason


def test_a_box_without_an_area_or_told_twice_is_left_out_and_said() -> None:
    found, repairs = boxes.normalise(text(boxes=[[1, 1, 1, 1, "dot"], *([[10, 5, 30, 25, "cell"]] * 2)]))
    assert boxes.short(found) == "1 cell" and repairs == ["box_without_area", "repeated_box"]
    assert boxes.normalise(found) == (found, [])


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("stretch", [[4, 4, 12, 20], [24, 8, 36, 32]]),
        ("pad", [[4, 12, 12, 20], [24, 14, 36, 26]]),
        ("cut", [[28, 8, 40, 32]]),
    ],
)
def test_boxes_lie_where_their_image_is_fitted(fit: str, expected: list[list[int]]) -> None:
    value, repairs = boxes.over(boxes.normalise(text())[0], file(), {"size": 40, "fit": fit})
    own = boxes.read(value)
    assert own.size == (40, 40)
    assert [list(box[:4]) for box in own.boxes] == expected
    assert ("box_cut_away" in repairs) == (fit == "cut")


def test_pixels_agree_with_boxes_for_every_fit() -> None:
    pixels = np.zeros((50, 100), np.uint8)
    pixels[10:40, 60:80] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    for fit in ("stretch", "pad", "cut"):
        made, _ = image.normalise(buffer.getvalue(), mode="L", size=80, max_pixels=10**6, fit=fit)  # type: ignore[arg-type]
        value, _ = boxes.over(text(boxes=[[60, 10, 80, 40, "dot"]]), buffer.getvalue(), {"size": 80, "fit": fit})
        down, across = np.nonzero(np.asarray(Image.open(io.BytesIO(made))) > 127)
        (box,) = boxes.read(value).boxes
        assert np.abs(np.array(box[:4]) - [across.min(), down.min(), across.max() + 1, down.max() + 1]).max() <= 1


def test_places_are_those_of_the_image_as_it_is_seen() -> None:
    turned = file(50, 100, orientation=6)
    assert boxes.sides(turned) == (100, 50)
    assert boxes.over(boxes.normalise(text())[0], turned, {"size": None})[1] == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": [101, 50]}, "boxes_of_another_size"),
        ({"boxes": [[100, 5, 120, 25, "cell"]]}, "box_outside_image"),
        ({"boxes": [[5, -9, 20, -1, "cell"]]}, "box_outside_image"),
    ],
)
def test_what_does_not_lie_over_its_image_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Reject) as found:
        boxes.over(boxes.normalise(text(**changes))[0], file(), {"size": None})
    assert found.value.reason == reason


def test_a_box_over_the_border_is_cut_and_shares_become_pixels() -> None:
    value, repairs = boxes.over(text(boxes=[[90, 5, 120, 25, "cell"]]), file(), {"size": None})
    assert boxes.read(value).boxes[0][:4] == (90, 5, 100, 25) and repairs == ["box_cut_to_image"]
    value, repairs = boxes.over(text(size=[1, 1], boxes=[[0.1, 0.2, 0.3, 0.4, "cell"]]), file(), {"size": None})
    assert boxes.read(value).boxes[0][:4] == (10, 10, 30, 20) and not repairs


def test_a_copy_of_an_image_and_its_boxes_move_alike() -> None:
    pixels = np.zeros((60, 60), np.uint8)
    pixels[20:32, 14:40] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    value = json.dumps({"size": [60, 60], "boxes": [[14, 20, 40, 32, "dot"]]})
    options: dict[str, Any] = {
        "degrees": 8,
        "shift": 0.1,
        "scale": 0.1,
        "crop": 0.8,
        "flip": True,
        "vertical_flip": True,
    }
    for seed in range(12):
        copy = image.augmented_copy(buffer.getvalue(), np.random.default_rng(seed), **options)
        own = boxes.read(boxes.altered_alike(value, np.random.default_rng(seed), **options))
        down, across = np.nonzero(np.asarray(Image.open(io.BytesIO(copy))) > 127)
        found = np.array([across.min(), down.min(), across.max() + 1, down.max() + 1])
        assert np.abs(np.array(own.boxes[0][:4]) - found).max() <= 2, seed


def test_classes_are_renamed_and_dropped() -> None:
    rename = Renaming(lower=False, map={"cell": "blood"}, drop=frozenset({"dot"}))
    found, repairs = boxes.renamed(boxes.normalise(text())[0], rename)
    assert boxes.short(found) == "1 blood" and repairs == ["renamed_label"]


def test_training_learns_shares_classes_and_marks() -> None:
    values = [boxes.normalise(text())[0], boxes.normalise(text(boxes=[]))[0]]
    facts = boxes.fit(values)
    assert facts["classes"] == ["cell", "dot"]
    found = boxes.encode(values, facts)
    assert found.shape == (2, 2, 6) and (found[1, :, 4] == -1).all()
    assert found[0].tolist() == [
        pytest.approx([0.1, 0.1, 0.3, 0.5, 0, 0]),
        pytest.approx([0.6, 0.2, 0.9, 0.8, 1, 1]),
    ]
    assert boxes.read(boxes.decode(found, facts)[0]).boxes[1].mark == "difficult"
    assert boxes.strata(values) == ["cell", boxes.NONE] and boxes.classes(values) == [("cell", "dot"), ()]
    with pytest.raises(DataError, match="class 'dot' is none of cell"):
        boxes.encode(values, {"classes": ["cell"]})


def test_drift_compares_how_many_how_large_and_which() -> None:
    values = [boxes.normalise(text())[0], boxes.normalise(text(boxes=[]))[0]]
    _, found = boxes.compared(values, {"classes": ["cell", "dot"]})
    assert found.numbers["how many"].tolist() == [2, 0] and found.numbers["how many dot"].tolist() == [1, 0]
    assert found.vectors[""].tolist() == [[0.5, 0.5], [0, 0]]
