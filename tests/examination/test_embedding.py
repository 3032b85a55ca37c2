"""The map of rows: known clusters lie apart, every row is named, and what cannot be laid out is said."""

import re
from typing import Any

import numpy as np
import pytest
import torch

from chainrule.evaluation.parts import NotShownError
from chainrule.examination import embedding, scatter, words
from chainrule.examination.looked import Looked
from chainrule.nets import bilstm
from chainrule.training import prediction
from chainrule.training.inputs import text
from looked_at import Given, of_images, of_table, of_texts


def two_clusters(each: int = 20, **more: Any) -> Looked:
    """Dark images and light ones, of the classes "dark" and "light"; the last light one is called dark."""
    levels = np.random.default_rng(0).integers(0, 40, (2 * each, 2, 2, 1), dtype=np.uint8)
    levels[each:] += 200
    labels = ["dark"] * each + ["light"] * (each - 1) + ["dark"]
    # Light above a mean level of one half.
    head = torch.tensor([[-1.0] * 4, [1.0] * 4])
    looked = of_images(Given(4), levels, labels, head=head, **more)
    with torch.no_grad():
        looked.model.get_submodule("head").bias.copy_(torch.tensor([2.0, -2.0]))
    return looked._replace(outputs=prediction.predict(looked.model, looked.inputs, 64))


def marks(body: str) -> list[tuple[float, float, str]]:
    """Where each point is, and its title."""
    found = re.findall(r'<path d="M([\d.]+) ([\d.]+)m[^"]*"><title>([^<]*)</title>', body)
    return [(float(x), float(y), title) for x, y, title in found]


@pytest.mark.parametrize("layout", ["pca", "tsne"])
def test_clusters_lie_apart_and_each_row_is_named(layout: str) -> None:
    part = embedding.part(two_clusters(settings={"map": layout}))
    found = {title: x for x, _, title in marks(part.body)}
    assert set(found) == {
        *(f"row {number}: dark" for number in range(20)),
        *(f"row {number}: light" for number in range(20, 39)),
        "row 39: dark, taken for light",
    }
    dark, light = (
        [x for title, x in found.items() if (int(title.split()[1][:-1]) < 20) == low] for low in (True, False)
    )
    assert max(dark) < min(light) or max(light) < min(dark)
    # The row that is wrong has its point and a ring.
    assert [title for _, _, title in marks(part.body)].count("row 39: dark, taken for light") == 2
    assert "ringed 1" in part.body
    assert part.numbers["method"] == layout
    assert part.numbers["accuracy"] == 39 / 40


def test_how_many_neighbours_are_of_the_own_class() -> None:
    levels = np.zeros((40, 2, 2, 1), np.uint8)
    levels[:, 0, 0, 0] = np.arange(40) * 6
    apart = embedding.part(of_images(Given(4), levels, ["a"] * 10 + ["b"] * 30)).numbers
    # On a line the ten nearest of each of the first ten are nine of their own and others, which is counted by hand.
    near = [sorted((abs(row - other), other) for other in range(40) if other != row)[:10] for row in range(40)]
    inside = np.mean([(other < 10) == (row < 10) for row in range(40) for _, other in near[row]])
    assert apart["purity"] == pytest.approx(inside, abs=0.02)  # of two others as near as one another either counts
    assert apart["purity_on_map"] == pytest.approx(inside, abs=0.02)
    assert apart["chance"] == pytest.approx((10 * 9 + 30 * 29) / (40 * 39))
    mixed = embedding.part(of_images(Given(4), levels, ["a", "b"] * 20)).numbers
    assert mixed["purity"] < 0.6


def test_nearest_leaves_out_the_row_itself() -> None:
    places = np.array([[0.0], [0.0], [0.0], [5.0]])
    found = embedding.nearest(places)
    assert found.shape == (4, 3)
    assert all(row not in near for row, near in enumerate(found))


def test_a_number_is_coloured_by_its_value_and_told_by_its_neighbours() -> None:
    levels = np.repeat(np.arange(0, 240, 4, dtype=np.uint8), 4).reshape(60, 2, 2, 1)
    part = embedding.part(of_images(Given(4), levels, np.arange(60) * 1.0, task="image_regression"))
    groups = re.findall(r'<g fill="(#[0-9a-f]{6})">(.*?)</g>', part.body)
    assert [colour for colour, _ in groups] == list(scatter.STEPS)
    assert [len(marks(drawn)) for _, drawn in groups] == [10] * 6
    # Each of the six tenths is a stretch of the line.
    ends = [sorted(x for x, _, _ in marks(drawn)) for _, drawn in groups]
    assert sorted(ends) == ends or sorted(ends) == ends[::-1]
    numbers = part.numbers
    assert numbers["mean_absolute_error_of_mean"] == pytest.approx(15)
    assert numbers["mean_absolute_error_of_neighbours"] < 2
    assert part.body.count('fill-opacity="0"') == 1
    assert "ringed 3" in part.body  # the twentieth of 60 rows that is furthest off


def test_a_number_that_is_always_the_same_has_one_colour() -> None:
    levels = np.arange(40, dtype=np.uint8).reshape(10, 2, 2, 1)
    assert "3 <small>10" in re.sub(
        "</?span[^>]*>", " ", embedding.part(of_images(Given(4), levels, [3.0] * 10, task="image_regression")).body
    ).replace("  ", " ")


def test_sets_of_labels_are_classes() -> None:
    levels = np.repeat(np.array([0, 100, 200], np.uint8), 40).reshape(30, 2, 2, 1)
    target = ['["a"]'] * 10 + ['["a", "b"]'] * 10 + ['["b"]'] * 10
    part = embedding.part(of_images(Given(4), levels, target, task="multi_label"))
    assert all(f">{name}</span>" in part.body for name in ("a", "b", "a, b"))
    assert part.numbers["purity"] == pytest.approx(0.9, abs=0.01)  # nine others, and one that is not


def test_many_rows_are_sampled_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "POINTS", 12)
    first, again = (embedding.part(two_clusters()) for _ in range(2))
    assert len({title for _, _, title in marks(first.body)}) == first.numbers["rows"] == 12
    assert "12 of 40 rows" in first.body
    assert first == again


def test_features_that_are_no_numbers_are_left_out_and_counted() -> None:
    class Sometimes(Given):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            features = super().forward(images)
            return torch.where(features.amax(1, keepdim=True) > 0.5, torch.nan, features)

    levels = np.arange(40, dtype=np.uint8).reshape(10, 2, 2, 1)
    levels[7:] += 190
    part = embedding.part(of_images(Sometimes(4), levels, ["a", "b"] * 5))
    assert "3 rows have features that are no finite numbers" in part.body
    assert part.numbers["rows"] == 7
    with pytest.raises(NotShownError, match="finite numbers; there are 0"):
        embedding.part(of_images(Sometimes(4), np.full((10, 2, 2, 1), 250, np.uint8), ["a", "b"] * 5))


def test_a_model_that_sees_no_difference_has_no_map() -> None:
    with pytest.raises(NotShownError, match="the same in every row"):
        embedding.part(of_images(Given(4), np.full((10, 2, 2, 1), 9, np.uint8), ["a", "b"] * 5))


def test_one_class_and_one_feature() -> None:
    levels = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    one = of_images(Given(1), levels, ["a", "b"] * 5)
    assert embedding.part(one).numbers["rows"] == 10
    alone = one._replace(rows=one.rows.assign(label="a"), target=np.zeros(10, np.int64))
    part = embedding.part(alone)
    assert part.numbers["classes"] == 1
    assert "of one class" in part.body


def test_many_classes_share_a_look_behind_the_most_frequent() -> None:
    levels = np.arange(120, dtype=np.uint8).reshape(30, 2, 2, 1)
    part = embedding.part(of_images(Given(4), levels, [f"class {number:02}" for number in range(30)]))
    assert "6 other classes" in part.body
    looks = scatter.kinds([str(number) for number in range(48)])
    assert len({(look.colour, look.shape) for look in looks}) == 48
    # Of few classes any two differ in shape or are told apart by colours that all eyes see.
    assert len({look.colour for look in looks[:8]}) == 8


def test_names_are_words_and_no_code() -> None:
    levels = np.arange(40, dtype=np.uint8).reshape(10, 2, 2, 1)
    part = embedding.part(of_images(Given(4), levels, ["<script>", "b"] * 5))
    assert "<script>" not in part.body
    assert "&lt;script&gt;" in part.body


def test_rows_of_a_table_are_on_the_map_and_told_by_their_cells() -> None:
    cells = [{"age": float(row % 7), "fare": 10.0 + row} for row in range(20)]
    part = embedding.part(of_table(cells, ["a", "b"] * 10))
    assert len({title for _, _, title in marks(part.body)}) == 20
    assert re.search(r"<li[^>]*>row \d+: [ab](, taken for [ab])? — age \d.0; fare \d\d.0</li>", part.body)
    # Ten rows are named by a number that stands beside their points.
    assert re.findall(r"<text [^>]*>(\d+)</text>", part.body) == [str(number) for number in range(1, 11)]


def test_texts_are_cut_where_they_are_long() -> None:
    texts = [f"{'word ' * 30}{number}" for number in range(8)]
    facts = text.fit_facts([texts], {"vocabulary": 60, "max_length": 64})
    net = bilstm.build(facts["vocabulary"], facts["pad_id"], embedding=8, width=8, layers=1, dropout=0.0)
    part = embedding.part(of_texts(net, facts, texts, ["a", "b"] * 4, None, "bilstm"))
    titles = {title for _, _, title in marks(part.body)}
    assert len(titles) == 8
    assert all(title.split(" — ")[1] == ("word " * 30)[: words.LONGEST - 1] + "…" for title in titles)
