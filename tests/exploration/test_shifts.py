"""Drift between splits on the data page: what was planted in the validation rows is named, and nothing else is."""

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explored import explored, frame

WORDS = ["calm", "river", "stone", "lamp", "cloud", "seven", "paper", "green", "horse", "winter", "small", "song"]
COLUMNS = {"number": ["width", "height"], "category": ["colour"]}
NORMALISE = {
    **COLUMNS,
    "missing": {},
    "unreadable": "missing",
    "ranges": {},
    "outside": "missing",
    "decimal": ".",
    "thousands": "",
}


def texts(count: int, seed: int, more: Sequence[str] = ()) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice([*WORDS, *more], 8)) for _ in range(count)]


def cells(count: int, seed: int, wider: float = 0.0, colours: Sequence[str] = ("red", "blue")) -> list[str]:
    random = np.random.default_rng(seed)
    return [
        json.dumps({"width": float(random.normal(wider)), "height": float(random.normal()), "colour": str(colour)})
        for colour in random.choice(list(colours), count)
    ]


def images(count: int, seed: int, brighter: int = 0) -> list[bytes]:
    random = np.random.default_rng(seed)
    found = []
    for pixels in random.integers(0, 120, (count, 8, 8), dtype=np.uint8) + np.uint8(brighter):
        stream = BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        found.append(stream.getvalue())
    return found


def labels(count: int, seed: int) -> list[str]:
    return [str(each) for each in np.random.default_rng(seed).choice(["a", "b"], count)]


def of_texts(root: Path, validation: Sequence[str], target: Sequence[str] | None = None) -> Any:
    train = frame({"text": texts(200, 1)}, labels(200, 2), "t")
    held_out = frame({"text": validation}, labels(len(validation), 3) if target is None else target, "v")
    return explored(root, train, held_out, task="text_classification", modality="text")


def test_rows_of_the_same_kind_do_not_differ(tmp_path: Path) -> None:
    page = of_texts(tmp_path, texts(80, 4))
    assert page.numbers["shifts"]["differing"] == [] and page.numbers["shifts"]["tests"] >= 4
    assert "Validation rows are like training rows" in page.html


def test_other_words_are_named(tmp_path: Path) -> None:
    page = of_texts(tmp_path, texts(80, 4, ["quark", "lepton", "boson", "hadron"]))
    assert {"words", "unknown words"} <= set(page.numbers["shifts"]["differing"])
    assert any("words differs from train to validation" in line for line in page.look_at)


def test_another_balance_of_labels_is_named(tmp_path: Path) -> None:
    page = of_texts(tmp_path, texts(80, 4), ["a"] * 72 + ["b"] * 8)
    assert page.numbers["shifts"]["differing"] == ["label"]


def test_a_column_that_moved_is_named(tmp_path: Path) -> None:
    def differing(root: Path, **moved: Any) -> list[str]:
        train = frame({"row": cells(200, 1)}, labels(200, 2), "t")
        held_out = frame({"row": cells(80, 5, **moved)}, labels(80, 3), "v")
        page = explored(root, train, held_out, task="table_classification", modality="table", normalise=NORMALISE)
        return list(page.numbers["shifts"]["differing"])

    assert differing(tmp_path / "same") == []
    assert differing(tmp_path / "wider", wider=2.0) == ["'width'"]
    assert differing(tmp_path / "colours", colours=("red", "green")) == ["'colour'"]


def test_brighter_images_are_named(tmp_path: Path) -> None:
    train = frame({"image": images(100, 1)}, labels(100, 2), "t")
    held_out = frame({"image": images(60, 3, brighter=60)}, labels(60, 4), "v")
    page = explored(tmp_path, train, held_out, task="image_classification", modality="image")
    assert "brightness" in page.numbers["shifts"]["differing"]


@pytest.mark.parametrize("count", [0, 5])
def test_too_few_rows_are_a_sentence(tmp_path: Path, count: int) -> None:
    page = of_texts(tmp_path, texts(count, 4))
    said = "no rows of one of the two splits" if not count else "under 20 nothing is said"
    assert said in page.html and "What splits share" in page.html
