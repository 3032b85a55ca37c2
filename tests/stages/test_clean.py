"""The stages clean and split: what is refused before any training, what is said loudly, and what their pages show."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import shipped
from chainrule.stages import runner
from chainrule.stages.clean import clean
from chainrule.stages.split import split
from chainrule.system.errors import DataError
from chainrule.system.files import write_rows
from tiny_clone import photographs

WORDS = [f"word{number}" for number in range(50)]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")
    params = shipped.params()
    params["recipes"]["mine"] = photographs()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    return tmp_path


def change(root: Path, recipe: str, **sections: dict[str, Any]) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    for name, keys in sections.items():
        params["recipes"][recipe][name] |= keys
    (root / "params.yaml").write_text(yaml.safe_dump(params))


def raw(root: Path, recipe: str, inputs: list[bytes], labels: list[str], parts: list[str | None] | None = None) -> None:
    names = [f"r{number}" for number in range(len(inputs))]
    rows = pd.DataFrame({name: pd.Series(names, dtype="str") for name in ("id", "group", "origin")})
    rows["text" if recipe == "reviews" else "image"] = pd.Series(inputs, dtype="object")
    rows["label"] = pd.Series(labels, dtype="str")
    rows["part"] = pd.Series(parts or [None] * len(inputs), dtype="str")
    folder = root / "data" / "raw" / recipe
    folder.mkdir(parents=True)
    write_rows(folder / "rows.parquet", rows)


def texts(count: int, length: int = 8, seed: int = 0) -> list[bytes]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, length)).encode() for _ in range(count)]


def photos(sizes: list[tuple[int, int]]) -> list[bytes]:
    random = np.random.default_rng(0)
    found = []
    for width, height in sizes:
        buffer = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(buffer, "JPEG")
        found.append(buffer.getvalue())
    return found


def page(root: Path, recipe: str, stage: str) -> str:
    return (root / "reports" / recipe / f"{stage}.html").read_text(encoding="utf-8")


def test_a_source_of_which_too_much_is_bad_stops_the_chain(root: Path) -> None:
    rows = [*texts(36), b"", b"\x80\x81", b"", b""]
    copies = rows[:20]
    raw(root, "reviews", rows + copies, list("ab" * 30))
    change(root, "reviews", clean={"most_bad": 0.06})
    said = r"4 of 60 rows \(7%\) cannot be used, clean.most_bad is 0.06: empty_text 3 \(such as r36: no bytes\), undec"
    with pytest.raises(DataError, match=said):
        runner.run(root, "clean", "reviews", clean)
    assert not (root / "data/clean/reviews").exists()
    change(root, "reviews", clean={"most_bad": 0.07})
    runner.run(root, "clean", "reviews", clean)


def test_photographs_of_many_sizes_are_refused_where_no_size_is_set_and_taken_where_one_is(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw(root, "mine", photos([(40, 30), (50, 30), (30, 60), (33, 44)]), list("abab"))
    change(root, "mine", clean={"normalise": {"mode": "RGB", "size": None, "max_pixels": 10_000}})
    with pytest.raises(DataError, match=r"not so: All images are equally wide: found 4;.*set clean.normalise.size"):
        runner.run(root, "clean", "mine", clean)
    change(root, "mine", clean={"normalise": {"mode": "L", "size": 16, "max_pixels": 10_000}})
    runner.run(root, "clean", "mine", clean)
    loud = "4 images in colour became grey: clean.normalise.mode RGB keeps the colour"
    assert f"clean@mine: WARNING: {loud}\n" in capsys.readouterr().out
    assert f"<li>{loud}</li>" in page(root, "mine", "clean")
    change(root, "mine", clean=photographs()["clean"])
    runner.run(root, "clean", "mine", clean)
    assert "grey" not in capsys.readouterr().out


def test_data_of_a_single_class_is_refused_in_clean(root: Path) -> None:
    raw(root, "reviews", texts(6), ["a"] * 6)
    with pytest.raises(DataError, match="of 6 clean rows those to learn from are only of class a"):
        runner.run(root, "clean", "reviews", clean)


def test_long_texts_are_cut_and_where_they_are_rejected_instead_their_loss_is_loud(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw(root, "reviews", [*texts(6), *texts(4, length=40, seed=1)], list("ab" * 5))
    normalise = {"lowercase": False, "strip_html": True, "min_characters": 3, "max_characters": 100}
    change(root, "reviews", clean={"normalise": normalise})
    runner.run(root, "clean", "reviews", clean)
    said = capsys.readouterr().out
    assert "kept 10 of 10 rows\n" in said
    assert "repaired: cut 4\n" in said
    assert "left out" not in said
    assert '<td>repaired: cut</td><td class="number">4</td>' in page(root, "reviews", "clean")
    change(root, "reviews", clean={"normalise": normalise | {"long": "reject"}, "most_bad": 0.5})
    runner.run(root, "clean", "reviews", clean)
    loud = "4 of 10 rows (40.0%) left out: too long 4"
    assert f"WARNING: {loud}\n" in capsys.readouterr().out
    shown = page(root, "reviews", "clean")
    assert f"<li>{loud}</li>" in shown
    assert '<td>rejected: too long</td><td class="number">4 (40.0%)</td>' in shown
    assert '<strong class="bad">All checks hold, with 2 warnings</strong>' in shown


def test_rare_classes_and_those_that_cleaning_emptied_are_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw(root, "reviews", [*texts(23), b"", b"<p>"], ["a", "b"] * 10 + ["rare"] * 3 + ["gone"] * 2)
    runner.run(root, "clean", "reviews", clean)
    said = capsys.readouterr().out
    assert "WARNING: every row of class gone was rejected, so no model learns it\n" in said
    assert "WARNING: classes of fewer than 10 rows: rare (3)\n" in said


def test_the_page_of_a_split_shows_classes_largest_groups_and_what_a_reader_must_know(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts: list[str | None] = [None] * 60 + ["test"] * 10
    alike = [b"the very same words stand in each of these five texts number " + text for text in (b"1", b"2", b"3")]
    raw(root, "reviews", [*alike, *texts(67)], ["a", "b"] * 30 + ["a"] * 10, parts)
    change(root, "reviews", clean={"near_duplicates": 0.7})
    runner.run(root, "clean", "reviews", clean)
    runner.run(root, "split", "reviews", split)
    loud = "split test has no row of class b (30 rows): its scores say nothing about such rows"
    assert f"split@reviews: WARNING: {loud}\n" in capsys.readouterr().out
    shown = page(root, "reviews", "split")
    assert f"<li>{loud}</li>" in shown
    assert "<h2>Rows of each class</h2>" in shown
    number = '<td class="number">'
    assert f"<td>r0</td>{number}3</td>{number}3</td><td>" in shown.partition("<h2>The largest groups</h2>")[2]
    assert json.loads((root / "reports/reviews/split.json").read_text())["largest_component"] == 3
