"""The stage augment: its copies and the contact sheet, for images and for texts, without a tracking server."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

import shipped
from chainrule.recipes.file import recipe_block
from chainrule.stages.augment import augment
from chainrule.stages.job import Job, carry_out
from chainrule.system.files import read_json, read_rows, write_rows


def made(root: Path, recipe: str, inputs: list[object], copies: int, options: dict[str, object]) -> str:
    """Run the stage on training rows and return its page."""
    params = shipped.params()
    params["recipes"][recipe]["augment"] = {"copies": copies, "options": options}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    names = [f"r{number}" for number in range(len(inputs))]
    rows = pd.DataFrame({name: pd.Series(names, dtype="str") for name in ("id", "group", "origin", "label")})
    rows["image" if recipe == "digits" else "text"] = inputs
    (root / "data" / "split" / recipe).mkdir(parents=True)
    write_rows(root / "data" / "split" / recipe / "train.parquet", rows)
    carry_out(Job("augment", recipe, root, recipe_block(root, recipe)), augment)
    return (root / "reports" / recipe / "augment.html").read_text(encoding="utf-8")


def image(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_images_stand_beside_their_copies(tmp_path: Path) -> None:
    html = made(tmp_path, "digits", [image(seed) for seed in range(30)], 2, {"noise": 0.2, "flip": True})
    assert html.count("<img") == 12 * 3 and html.count(">as it is<") == 12
    assert "noise 0.2" in html and "http" not in html.replace("http://www.w3.org", "")
    rows = read_rows(tmp_path / "data" / "augmented" / "digits" / "train.parquet")
    assert read_json(tmp_path / "reports" / "digits" / "augment.json") == {
        "rows": 90, "originals": 30, "copies": 60,
    }  # fmt: skip
    assert len(rows) == 90


def test_what_changed_in_a_text_is_marked(tmp_path: Path) -> None:
    texts = ["one <two> three four", "fünf sechs sieben acht"]
    html = made(tmp_path, "reviews", texts, 1, {"delete": 0.5, "swap": 0.0})
    rows = read_rows(tmp_path / "data" / "augmented" / "reviews" / "train.parquet")
    assert "&lt;two&gt;" in html and "<two>" not in html
    for before, after in zip(texts, rows["text"][2:], strict=True):
        gone = [word for word in before.split() if word not in after.split()]
        assert html.count("<del>") >= 1 and all(word.replace("<", "&lt;").replace(">", "&gt;") in html for word in gone)


def test_without_copies_the_page_says_so(tmp_path: Path) -> None:
    html = made(tmp_path, "reviews", ["one two"], 0, {})
    assert "none (augment.copies is 0)" in html and "one two" in html


def test_options_that_a_modality_has_not_are_a_mistake(tmp_path: Path) -> None:
    from chainrule.recipes.check import find_mistakes

    params = shipped.params()
    params["recipes"]["digits"]["augment"] = {"options": {"typos": 0.1}}
    params["recipes"]["reviews"]["augment"] = {"options": {"keyboard": "dvorak"}}
    found = [str(mistake) for mistake in find_mistakes(params)]
    assert any("digits.augment.options.typos" in line for line in found)
    assert any("reviews.augment.options.keyboard" in line and "qwerty" in line for line in found)
