"""The data page as a whole: what it counts, what stands first, what bad rows do to it; the same bytes twice."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.exploration.inputs import table
from explored import Page, Text, explored, frame, table_rows


def picture(level: int, side: int = 8, noise: int = 20, seed: int = 0, mode: str = "L") -> bytes:
    """Return a PNG of one level with noise, each seed another."""
    random = np.random.default_rng([level, seed])
    shape = (side, side) if mode == "L" else (side, side, 3)
    pixels = np.clip(level + random.integers(-noise, noise + 1, shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def images(root: Path, count: int = 40, classes: int = 4) -> Page:
    """Return the page of images of which each class has another brightness."""
    labels = [f"c{at % classes}" for at in range(count)]
    pixels = [picture(40 + 40 * (at % classes), seed=at) for at in range(count)]
    train = frame({"image": pixels}, labels, "t")
    validation = frame({"image": pixels[:classes]}, labels[:classes], "v")
    return explored(root, train, validation, task="image_classification", modality="image")


def test_classes_are_counted_by_split_and_test_rows_by_what_split_says(tmp_path: Path) -> None:
    train = frame({"text": [f"text {at}" for at in range(30)]}, ["a"] * 20 + ["b"] * 10, "t")
    validation = frame({"text": [f"other {at}" for at in range(4)]}, ["a"] * 4, "v")
    leaks = {
        "rows": {"train": 30, "validation": 4, "test": 8},
        "class_shares": {"test": {"a": 0.75, "b": 0.25}},
    }
    page = explored(tmp_path, train, validation, task="text_classification", modality="text", leaks=leaks)
    assert page.numbers["balance"]["classes"] == {
        "a": {"train": 20, "validation": 4, "test": 6},
        "b": {"train": 10, "validation": 0, "test": 2},
    }
    assert any("no validation row is of class b" in line for line in page.look_at)


def test_what_was_lost_stands_first(tmp_path: Path) -> None:
    train = frame({"text": ["one two", "three four"]}, ["a", "b"], "t")
    clean = {"raw": 10, "kept": 2, "rejected": 8, "reasons": {"empty_text": 8}}
    page = explored(tmp_path, train, train, task="text_classification", modality="text", clean=clean)
    assert page.look_at[0] == "8 of 10 rows (80.0%) left out: empty text 8"
    assert page.html.index("Look at this first") < page.html.index("80.0%") < page.html.index("<h2>Rows")


def test_what_splits_share_is_said(tmp_path: Path) -> None:
    train = frame({"text": ["one two", "three four"]}, ["a", "b"], "t")
    shared = {"groups": 0, "exact_duplicates": 3, "near_duplicates": 0, "near_duplicates_apart": 0}
    leaks = {"rows": {"train": 2, "test": 2}, "shared": {"train_test": shared}}
    page = explored(tmp_path, train, train, task="text_classification", modality="text", leaks=leaks)
    assert "train and test share 3: equal inputs" in page.look_at


def test_the_page_needs_nothing_else_and_is_the_same_twice(tmp_path: Path) -> None:
    one, other = images(tmp_path / "one"), images(tmp_path / "other")
    assert one == other
    assert "<script" not in one.html
    assert not re.findall(r'(?:src|href)="(?!data:|#|[a-z]+\.html)', one.html)
    assert all(re.search(r'alt="[^"]', tag) for tag in re.findall(r"<img [^>]*>", one.html))
    assert all("aria-label" in tag and 'role="img"' in tag for tag in re.findall(r"<svg [^>]*>", one.html))


def test_every_class_has_samples_and_an_average(tmp_path: Path) -> None:
    page = images(tmp_path)
    assert page.numbers["samples"] == {"shown": 4, "of": 4}
    assert page.html.count('alt="the average of c') == 4 and page.html.count('alt="c0"') >= 8


def test_of_a_thousand_classes_the_commonest_and_the_rarest_are_shown(tmp_path: Path) -> None:
    labels = [f"k{at:04}" for at in range(1000)] + ["k0000"] * 50
    train = frame({"text": [f"text {at}" for at in range(len(labels))]}, labels, "t")
    page = explored(tmp_path, train, train.head(3), task="text_classification", modality="text")
    assert page.numbers["samples"]["of"] == 1000 and page.numbers["samples"]["shown"] == 12
    assert len(page.html) < 200_000 and "… 976 more …" in page.html


@pytest.mark.parametrize(("task", "modality"), [("image_classification", "image"), ("text_classification", "text")])
def test_rows_of_one_class_and_no_validation_rows(tmp_path: Path, task: str, modality: str) -> None:
    values = [picture(90, seed=at) for at in range(5)] if modality == "image" else [f"text {at}" for at in range(5)]
    train = frame({modality: values}, ["a"] * 5, "t")
    leaks = {"rows": {"train": 5}, "shared": {}}
    page = explored(tmp_path, train, train.head(0), task=task, modality=modality, leaks=leaks)
    assert "all rows are of one class: nothing can be told apart" in page.look_at
    assert any(line.startswith("no validation rows") for line in page.look_at)
    assert "one split, which shares nothing" in page.html


def test_images_of_several_sizes_and_in_colour(tmp_path: Path) -> None:
    values = [picture(50 + at, side=8 + at % 3, seed=at, mode="RGB") for at in range(12)]
    train = frame({"image": values}, ["a", "b"] * 6, "t")
    page = explored(tmp_path, train, train.head(2), task="image_classification", modality="image")
    assert page.numbers["overview"]["image"]["sizes"] == {"8x8": 4, "9x9": 4, "10x10": 4}
    assert "3 sizes, in colour" in page.html and "red: " in page.html and "the average of" not in page.html


def test_blank_images_are_named(tmp_path: Path) -> None:
    values = [picture(90, seed=at) for at in range(8)] + [picture(0, noise=0)] * 2
    train = frame({"image": values}, ["a", "b"] * 5, "t")
    page = explored(tmp_path, train, train.head(2), task="image_classification", modality="image")
    assert page.numbers["overview"]["image"]["blank"] == 2
    assert any(line.startswith("2 of 10 images") for line in page.look_at)


def test_numbers_to_tell_have_their_spread_and_samples_from_low_to_high(tmp_path: Path) -> None:
    values = [*range(1, 100), 5000]
    train = frame({"image": [picture(90, seed=at) for at in range(100)]}, values, "t", "target")
    page = explored(tmp_path, train, train.head(5), task="image_regression", modality="image")
    assert page.numbers["balance"]["quantiles"]["train"]["median"] == 50.5
    assert any("1 training targets lie more than 3" in line and "5000" in line for line in page.look_at)
    lows = [float(low) for low in re.findall(r'<h3 dir="auto">(\S+) to ', page.html)]
    assert len(lows) == 5 and lows == sorted(lows)


def test_sets_of_labels_count_for_each_of_them(tmp_path: Path) -> None:
    sets = ['["a", "b"]'] * 6 + ['["a"]'] * 3 + ["[]"]
    train = frame({"text": [f"text {at}" for at in range(10)]}, sets, "t", "labels")
    page = explored(tmp_path, train, train.head(2), task="multi_label", modality="text")
    assert page.numbers["balance"]["classes"]["a"]["train"] == 9
    assert page.numbers["balance"]["classes"]["b"]["train"] == 6
    assert any("1 of 10 training rows have no label" in line for line in page.look_at)
    assert "a with b (6)" in page.html


def test_both_texts_of_a_pair_are_looked_at(tmp_path: Path) -> None:
    inputs = {"first": ["a claim here"] * 4, "second": ["what follows", "and not"] * 2}
    train = frame(inputs, ["yes", "no"] * 2, "t")
    page = explored(tmp_path, train, train.head(1), task="text_pair_classification", modality="text")
    assert set(page.numbers["overview"]) == {"first", "second", "look_at"}
    assert "a claim here" in page.html and "what follows" in page.html


def test_words_that_mark_a_class_are_found_and_chinese_is_counted_by_characters(tmp_path: Path) -> None:
    base = ["天气很好", "我们去公园", "今天下雨", "他在看书"]
    texts = [base[at % 4] + ("优秀" if at % 2 else "糟糕") for at in range(40)]
    train = frame({"text": texts}, ["good" if at % 2 else "bad" for at in range(40)], "t")
    page = explored(tmp_path, train, train.head(4), task="text_classification", modality="text")
    words = str(Text(page.html))
    assert "Most frequent characters" in words and "优秀 20" in words  # a pair of neighbours
    marks = words[words.index("Words that mark a class") :]
    assert re.search(r"good [^a-z]*优", marks) and re.search(r"bad [^a-z]*糟", marks)


def test_a_table_has_a_line_for_each_column_and_names_what_gives_the_target_away(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    label = ["yes" if each else "no" for each in random.random(400) < 0.5]
    columns = {
        "size": random.normal(0, 1, 400).round(3).tolist(),
        "outcome": ["won" if each == "yes" else "lost" for each in label],
        "gap": [None if at % 3 else "xy"[at % 2] for at in range(400)],
    }
    train = frame({"row": table_rows(columns)}, label, "t")
    normalise = {"number": ["size"], "category": ["outcome", "gap"]}
    page = explored(tmp_path, train, train.head(5), task="table_classification", modality="table", normalise=normalise)
    assert any(line.startswith("column 'outcome' alone tells 100%") for line in page.look_at)
    assert any(line.startswith("column 'gap': 266 of 400 cells are missing") for line in page.look_at)
    found = {column["column"]: column for column in page.numbers["overview"]["row"]["columns"]}
    assert found["gap"]["missing"] == 266 and found["size"]["distinct"] == len(set(columns["size"]))


def test_one_column_of_one_value(tmp_path: Path) -> None:
    train = frame({"row": ['{"x":1}'] * 60}, [1.0, 2.0] * 30, "t", "target")
    page = explored(
        tmp_path, train, train.head(0), task="table_regression", modality="table", normalise={"number": ["x"]}
    )
    assert any("column 'x': all cells hold 1" in line for line in page.look_at)


def test_what_a_source_calls_its_classes_is_no_markup(tmp_path: Path) -> None:
    train = frame({"text": ["<b>bold</b>", "<script>x</script>"]}, ["<i>a</i>", "b&c"], "t")
    page = explored(tmp_path, train, train, task="text_classification", modality="text")
    assert "<i>a</i>" not in page.html and "<script>" not in page.html and "&lt;b&gt;bold" in page.html


def test_rows_beyond_what_is_looked_at_are_drawn_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "ROWS", 60)
    train = frame({"row": [f'{{"x":{at}}}' for at in range(200)]}, ["a", "b"] * 100, "t")
    options = {"number": ["x"]}
    page = explored(tmp_path, train, train.head(9), task="table_classification", modality="table", normalise=options)
    assert "60 of 200 training rows, drawn by the seed" in page.html
    assert page.numbers["overview"]["row"]["columns"][0]["distinct"] == 60
