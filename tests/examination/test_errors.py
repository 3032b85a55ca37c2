"""The page of errors, where it is known which rows are wrong and why."""

import io
import re
from base64 import b64decode

import numpy as np
import pytest
import torch
from PIL import Image

from chainrule.evaluation import cards, page
from chainrule.evaluation.parts import NotShownError
from chainrule.examination import clusters, confusion, slices, words, worst
from chainrule.examination.answers import label
from chainrule.examination.looked import Looked
from chainrule.training import prediction
from looked_at import Given, of_images, png

EACH = 60


def dark_ones_taken_for_light() -> Looked:
    """Images whose class is their first pixel; at night they are taken for one another."""
    random = np.random.default_rng(0)
    levels = random.integers(100, 140, (2 * EACH, 2, 2, 1), dtype=np.uint8)
    levels[:EACH, 0, 0, 0], levels[EACH:, 0, 0, 0] = 60, 200
    night = np.arange(2 * EACH) % 4 == 0
    levels[night, 0, 1:], levels[night, 1] = 0, 0
    # Where it is night the row of a light one looks dark, and the row of a dark one light.
    levels[night, 0, 0, 0] = np.where(np.arange(2 * EACH)[night] < EACH, 200, 60)
    labels = ["dark"] * EACH + ["light"] * EACH
    head = torch.tensor([[-8.0, 0, 0, 0], [8.0, 0, 0, 0]])
    looked = of_images(Given(4), levels, labels, head=head, settings={"worst": 4, "slices": 5, "slice_rows": 20})
    with torch.no_grad():
        looked.model.get_submodule("head").bias.copy_(torch.tensor([4.0, -4.0]))
    rows = looked.rows.assign(group=[f"g{row}" for row in range(2 * EACH)])
    return looked._replace(rows=rows, outputs=prediction.predict(looked.model, looked.inputs, 64))


def test_the_worst_rows_are_the_wrong_ones_and_the_close_ones_are_near_the_border() -> None:
    looked = dark_ones_taken_for_light()
    part = worst.part(looked)
    surest = part.numbers["Most confident mistakes"]
    assert len(surest) == 4
    assert {int(name.split()[-1]) % 4 for name in surest} == {0}
    assert part.body.count("<img") == 8
    assert part.body.count("in truth") == 8


def test_confusions_are_counted_and_opened() -> None:
    part = confusion.part(dark_ones_taken_for_light())
    assert part is not None
    assert part.numbers == {"dark taken for light": EACH // 4, "light taken for dark": EACH // 4}
    assert part.body.count("<details") == 2
    assert part.body.count("<img") == 12


def test_the_slice_that_fails_is_named_with_its_metric_beside_the_rest() -> None:
    part = slices.part(dark_ones_taken_for_light())
    (found,) = part.numbers["slices"]
    assert found["rows"] == EACH // 2
    assert re.search("brightness|contrast|steps|cluster", found["slice"])
    assert found["slice"] in part.body
    assert found["chance"] < 1e-6
    assert found["metric"]["slice"]["value"] == 0
    assert found["metric"]["rest"]["value"] == 1
    assert found["metric"]["difference"]["high"] == -1


def test_clusters_of_mistakes_are_told_apart_by_their_class() -> None:
    part = clusters.part(dark_ones_taken_for_light())
    found = part.numbers["clusters"]
    assert sum(each["rows"] for each in found) == EACH // 2
    said = [" ".join(each["conditions"]) for each in found]
    assert any("true label: dark" in each for each in said)
    assert any("true label: light" in each for each in said)


def test_what_cannot_be_shown_is_said() -> None:
    looked = dark_ones_taken_for_light()
    with pytest.raises(NotShownError, match="120 rows are too few for slices of 100"):
        slices.part(looked._replace(settings=looked.settings.model_copy(update={"slice_rows": 100})))
    with pytest.raises(NotShownError, match="no slices are asked for"):
        slices.part(looked._replace(settings=looked.settings.model_copy(update={"slices": 0})))
    right = {"logits": np.eye(2, dtype=np.float32)[looked.target] * 9}
    with pytest.raises(NotShownError, match="0 wrong rows are too few"):
        clusters.part(looked._replace(outputs=right))
    part = confusion.part(looked._replace(outputs=right))
    assert part is not None
    assert "every row that was looked at is answered right" in part.body


def test_small_numbers_of_a_slice_are_not_rounded_away() -> None:
    random = np.random.default_rng(1)
    levels = random.integers(0, 255, (120, 2, 2, 1), dtype=np.uint8)
    levels[:40], levels[40:] = levels[:40] // 8, levels[40:] // 2 + 127
    looked = of_images(Given(4), levels, [0.001] * 119 + [0.002], task="image_regression", settings={"slices": 1})
    off = np.where(np.arange(120) < 40, 0.0004, 0.00002) * random.uniform(0.9, 1.1, 120)
    outputs = {**looked.outputs, "value": (looked.target + off).astype(np.float32)}
    part = slices.part(looked._replace(outputs=outputs))
    (found,) = part.numbers["slices"]
    assert found["metric"]["slice"]["value"] == pytest.approx(0.0004, rel=0.1)
    assert re.search(r"<td>0\.000[34]\d* \(0\.000", part.body)


def test_of_a_large_image_a_card_holds_no_more_than_is_seen() -> None:
    large = png(np.random.default_rng(0).integers(0, 255, (600, 400, 3), dtype=np.uint8))
    (found,) = re.findall('data:image/jpeg;base64,([^"]+)', cards.to_html([cards.Card("row", [large], [])]))
    assert Image.open(io.BytesIO(b64decode(found))).size == (128, 192)
    small = png(np.zeros((8, 8), np.uint8))
    assert page.data_uri(small) in cards.to_html([cards.Card("row", [small], [])])


def test_the_name_of_a_row_asks_what_is_said_of_that_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = dark_ones_taken_for_light()
    asked: list[int] = []
    monkeypatch.setattr(label, "said", lambda outputs, facts: asked.append(len(outputs["logits"])) or ["light"])
    assert words.told(looked, 0) == "row 0: dark, taken for light"
    assert asked == [1]


def test_rows_whose_features_are_no_numbers_are_a_cluster_of_their_own() -> None:
    seen = np.random.default_rng(0).normal(size=(90, 3))
    seen[:30, 1], seen[30, 2] = np.nan, np.inf
    assert (slices.clusters(seen, 4, 7) == "no finite numbers").tolist() == [True] * 31 + [False] * 59
    assert set(slices.clusters(seen[:31], 4, 7)) == {"no finite numbers"}
    assert set(slices.clusters(seen[31:], 4, 7)) == {"1", "2", "3", "4"}
