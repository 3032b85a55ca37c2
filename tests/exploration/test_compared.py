"""What stands side by side on the data page, what is unlike all others, and that nothing of test rows is shown."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chainrule.data.augmentation import altered_copies
from chainrule.data.columns import columns as columns_of
from chainrule.exploration import before
from chainrule.recipes.file import complete
from explored import Text, as_source, explored, frame, table_rows


def rejected(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """Return rejected rows of (id, reason, detail, label)."""
    names = ("id", "reason", "detail", "label")
    found = pd.DataFrame(rows, columns=names, dtype="str")
    return found.assign(origin="rows.csv:" + found["id"])


def linked(*links: tuple[str, str, str]) -> pd.DataFrame:
    """Return links of (id, other, kind)."""
    return pd.DataFrame(links, columns=("id", "other", "kind"), dtype="str").assign(other_group="g")


def texts(root: Path, train: pd.DataFrame, **more: Any) -> Any:
    """Return the page of texts."""
    return explored(root, train, train.head(0), task="text_classification", modality="text", **more)


def test_pairs_that_are_alike_with_other_labels_stand_first(tmp_path: Path) -> None:
    train = frame({"text": [f"row number {at}" for at in range(30)]}, ["a", "b"] * 15, "t")
    links = linked(*[(f"t{at}", f"t{at + 2}", "near") for at in range(20)], ("t21", "t24", "apart"))
    page = texts(tmp_path, train, links=links)
    assert "1 of 21 pairs that are alike have targets that contradict each other" in page.look_at
    words = str(Text(page.html))
    alike = words[words.index("Alike: 21 pairs") :]
    assert alike.index("row number 21") < alike.index("row number 24") < alike.index("row number 0 ")


def test_copies_are_counted_at_the_row_that_was_kept(tmp_path: Path) -> None:
    train = frame({"text": [f"kept text {at}" for at in range(5)]}, ["a", "b"] * 2 + ["a"], "t")
    gone = rejected(*[(f"x{at}", "exact_duplicate", "same input as t3", "a") for at in range(3)])
    page = texts(tmp_path, train, rejected=gone, links=linked(*[("t3", f"x{at}", "copy") for at in range(3)]))
    words = str(Text(page.html))
    assert "Equal: 3 rows left out as copies" in words and "3 equal rows were left out" in words
    assert page.numbers["duplicates"]["copies"] == 3


def test_no_input_of_a_test_row_is_shown_by_whatever_way(tmp_path: Path) -> None:
    """Test rows, their copies, rows like them, and rejected rows of an official test part."""
    train = frame({"text": ["learn this", "and that"]}, ["a", "b"], "t")
    secret = frame({"text": [f"secret {at}" for at in range(6)]}, ["a", "b"] * 3, "s")
    secret.loc[[4], "part"] = "test"
    raw = as_source(pd.concat([train, secret], ignore_index=True))
    gone = rejected(
        ("s1", "duplicate_of_test_row", "same input as s0", "a"),
        ("s2", "exact_duplicate", "same input as s0", "a"),
        ("s4", "too_short", "6 characters", "a"),
        ("s5", "too_short", "5 characters, and no row of a test part", "a"),
    )
    links = linked(("s0", "s1", "copy"), ("s0", "s2", "copy"), ("t0", "s0", "near"), ("s0", "s3", "near"))
    page = texts(tmp_path, train, raw=raw, rejected=gone, links=links, clean={"reasons": {"too_short": 2}})
    shown = [at for at in range(6) if f"secret {at}" in page.html]
    assert shown == [5]
    assert "Left out: too short" in page.html


def test_repaired_rows_stand_before_and_after(tmp_path: Path) -> None:
    train = frame({"text": ["plain words here", "bold words"]}, ["a", "b"], "t")
    raw = as_source(train)
    raw["text"] = [b"plain   words here", b"<p>bold words</p>"]
    repairs = {"repaired": 2, "repairs": {"html": 1, "whitespace": 1}}
    page = texts(tmp_path, train, raw=raw, normalise={"strip_html": True}, clean=repairs)
    words = str(Text(page.html))
    assert "Repaired: html 1 row <p>bold words</p> bold words" in words
    assert "Repaired: whitespace 1 row plain words here plain words here" in words  # blanks are one blank in HTML


def test_what_contradicts_is_shown_as_it_came(tmp_path: Path) -> None:
    train = frame({"text": ["one", "two"]}, ["a", "b"], "t")
    both = frame({"text": ["torn text", "torn text"]}, ["a", "b"], "r")
    gone = rejected(
        ("r0", "conflicting_labels", "r1 has the same input and label b", "a"),
        ("r1", "conflicting_labels", "r0 has the same input and label a", "b"),
    )
    raw = as_source(pd.concat([train, both], ignore_index=True))
    page = texts(tmp_path, train, raw=raw, rejected=gone, clean={"reasons": {"conflicting_labels": 2}})
    assert page.html.count("torn text") == 2 and "r1 has the same input and label b" in page.html
    assert "2 rows were left out, as equal rows have other targets" in page.look_at


def test_the_copies_are_those_of_augment(tmp_path: Path) -> None:
    train = frame({"text": ["one two three four five six", "un deux trois quatre cinq six"]}, ["a", "b"], "t")
    augment = {"copies": 2, "options": {"delete": 0.3, "swap": 0.3}}
    page = texts(tmp_path, train, augment=augment)
    inputs = columns_of("text_classification", "text").inputs
    block = complete(
        {"task": "text_classification", "modality": "text", "augment": augment, "base": {"from": "nothing"}}
    )
    copies = altered_copies(
        train, inputs, copies=2, seed=7, options=[block["augment"]["options"]], progress=lambda items, *_: items
    )
    assert len(copies) == 4 and all(f">{text}</p>" in page.html for text in copies["text"])


def test_an_image_unlike_all_others_is_found(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    values = []
    for at in range(60):
        pixels = np.tile(np.linspace(0, 200, 12), (12, 1)) + random.normal(0, 6, (12, 12))
        if at == 41:
            pixels = pixels.T[::-1]
        buffer = io.BytesIO()
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "PNG")
        values.append(buffer.getvalue())
    train = frame({"image": values}, ["a", "b"] * 30, "t")
    page = explored(tmp_path, train, train.head(3), task="image_classification", modality="image")
    assert page.numbers["outliers"]["rows"]["image"][0] == "t41"
    assert "training rows that are far from all others: 1" in page.look_at


def test_a_text_of_strange_words_is_found(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    words = ["room", "bed", "staff", "clean", "view", "food", "quiet", "street", "price", "desk"]
    values = [" ".join(random.choice(words, 8)) for _ in range(60)]
    values[17] = "lorem ipsum dolor sit amet consectetur adipiscing elit"
    train = frame({"text": values}, ["a", "b"] * 30, "t")
    page = texts(tmp_path, train)
    assert page.numbers["outliers"]["rows"]["text"][0] == "t17"
    assert "rarest words: adipiscing" in page.html


def test_a_row_of_rare_cells_is_found(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    columns = {
        "size": random.normal(50, 5, 80).round(2).tolist(),
        "kind": random.choice(["x", "y"], 80).tolist(),
        "note": [f"text {at}" for at in range(80)],
    }
    columns["size"][33], columns["kind"][33] = 500.0, "z"
    train = frame({"row": table_rows(columns)}, random.normal(0, 1, 80), "t", "target")
    normalise = {"number": ["size"], "category": ["kind"], "text": ["note"]}
    page = explored(tmp_path, train, train.head(3), task="table_regression", modality="table", normalise=normalise)
    assert page.numbers["outliers"]["rows"]["row"][0] == "t33"
    assert "size 500.0 (with 1.25% of the rows), kind z" in page.html


def test_under_twenty_rows_none_is_unlike_the_others(tmp_path: Path) -> None:
    page = texts(tmp_path, frame({"text": ["one", "two"]}, ["a", "b"], "t"))
    assert "Not shown: under 20 training rows" in page.html


def image(mode: str, **options: Any) -> bytes:
    pixels = np.arange(64 * 64, dtype=np.float64).reshape(64, 64) * 15
    shaped = pixels.astype(np.uint16) if mode == "I;16" else (pixels / 256).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(shaped).save(buffer, **options)
    return buffer.getvalue()


def test_raw_images_of_every_depth_are_drawn_and_broken_ones_said(tmp_path: Path) -> None:
    small = frame({"image": [image("L", format="PNG")] * 2}, ["a", "b"], "t")
    lost = frame({"image": [image("I;16", format="TIFF"), b"\x89PNG broken"]}, ["a", "b"], "r")
    gone = rejected(("r0", "unsupported_depth", "16 bits", "a"), ("r1", "unreadable_image", "broken", "b"))
    page = explored(
        tmp_path,
        small,
        small.head(1),
        task="image_classification",
        modality="image",
        raw=pd.concat([small, lost], ignore_index=True),
        rejected=gone,
        clean={"reasons": {"unsupported_depth": 1, "unreadable_image": 1}},
    )
    assert "64x64 TIFF I;16" in page.html and "bytes that cannot be drawn" in page.html
    assert (
        "As the source gave them, of 4 rows: PNG L (2), TIFF I;16 (1), unreadable (1); all 64 by 64 pixels" in page.html
    )


def test_raw_rows_are_read_no_further_than_they_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = as_source(frame({"text": [f"text {at}" for at in range(9000)]}, ["a"] * 9000, "t"))
    rows.to_parquet(tmp_path / "rows.parquet")
    sample, examples = [f"t{at}" for at in range(0, 9000, 30)], ["t8999"]
    found = before.read(tmp_path / "rows.parquet", ["text"], before.Wanted(sample, examples))
    assert list(found.index) == [*sample, "t8999"] and found["text"]["t30"] == b"text 30"
    monkeypatch.setattr(before, "BYTES", 100)
    found = before.read(tmp_path / "rows.parquet", ["text"], before.Wanted(sample, examples))
    assert 0 < len(found) < len(sample) and found.index[-1] == "t8999"
    assert before.read(tmp_path / "rows.parquet", ["text"], before.Wanted([], [])).empty


def test_copies_of_rows_that_are_not_shown_are_not_even_read() -> None:
    train = frame({"text": ["one", "two"]}, ["a", "b"], "t")
    gone = rejected(
        ("x0", "exact_duplicate", "same input as s0", "a"),
        ("x1", "duplicate_of_test_row", "same input as s0", "a"),
        ("x2", "exact_duplicate", "same input as t0", "a"),
    )
    links = linked(("s0", "x0", "copy"), ("t0", "x2", "copy"))
    assert before.wanted({"train": train}, gone, links, 7).examples == ["x2"]
