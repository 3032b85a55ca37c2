"""Intake of rows that are of several files, images with boxes or masks, and of plain texts, which lie in no folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chainrule.data import batches, incoming
from chainrule.data.columns import columns
from chainrule.data.reading import reader
from chainrule.data.sources.catalogue import BATCH_DEFAULTS
from chainrule.recipes.defaults import image, text
from chainrule.system.errors import DataError

XML = (
    "<annotation><object><name>cell</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>6</ymax></bndbox>"
    "</object></annotation>"
)
LINE = "0 0.5 0.5 0.5 0.5\n"
FORMS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "voc": ("detection", {}, "labels/{}.xml", XML),
    "yolo": ("detection", {"classes": ["cell"]}, "labels/{}.txt", LINE),
    "coco": ("detection", {}, "", ""),
    "mask_folder": ("segmentation", {"classes": ["ground", "cell"]}, "masks/{}.png", ""),
}
"""By source the task, options of new files, and the file about an image with what it says."""


def block(task: str, kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    modality = "text" if kind == "long_texts" else "image"
    defaults = {"text": text, "image": image}[modality].DEFAULTS["clean"]["normalise"]
    normalise = {**defaults, "size": 8} if modality == "image" else defaults
    return {
        "task": task,
        "modality": modality,
        "incoming": {"kind": kind, **BATCH_DEFAULTS[kind], **options},
        "clean": {"normalise": normalise},
    }


def put(folder: Path, form: str, *names: str, alone: str = "") -> None:
    """Offer images, all different, each with a file about it that says the same; alone: one without."""
    for name in (*names, *([alone] if alone else [])):
        path = folder / f"images/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(sum(map(ord, name))).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(path)
        about = folder / FORMS[form][2].format(name)
        if name == alone or form == "coco":
            continue
        about.parent.mkdir(exist_ok=True)
        if form == "mask_folder":
            Image.fromarray(np.eye(8, dtype=np.uint8)).save(about)
        else:
            about.write_text(FORMS[form][3])
    if form == "coco":
        told = {
            "images": [{"id": name, "file_name": f"{name}.png", "width": 8, "height": 8} for name in names],
            "annotations": [{"image_id": name, "category_id": 1, "bbox": [1, 1, 4, 5]} for name in names],
            "categories": [{"id": 1, "name": "cell"}],
        }
        (folder / "all.json").write_text(json.dumps(told))


def problems(root: Path, about: Mapping[str, Any], batch: str | None) -> list[Any]:
    """Return the problem of each row of a batch, as `ingest` reads it; None of a good one."""
    assert batch is not None
    options = {name: value for name, value in about["incoming"].items() if name != "kind"}
    read = reader(about["incoming"]["kind"], columns(about["task"], about["modality"]))
    rows = batches.read(root / batches.ACCEPTED / "mine" / batch, read, options)
    return [None if problem != problem else problem for problem in rows["problem"]]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_told_of_an_image_comes_in_with_it(tmp_path: Path, form: str) -> None:
    task, options, *_ = FORMS[form]
    about, folder = block(task, form, options), tmp_path / "data/incoming/mine"
    put(folder, form, "a", "b", alone="c")
    taken = incoming.take_in(tmp_path, "mine", about, known={"cell", "ground"})
    assert taken.rows == 2 and list(taken.set_aside) == ["images/c.png"] and not taken.repeated
    assert problems(tmp_path, about, taken.batch) == [None, None]
    put(folder, form, "a", "b")
    again = incoming.take_in(tmp_path, "mine", about, known={"cell", "ground"})
    assert again.batch is None or form == "coco"  # whose JSON told of three
    put(folder, form, "a", "d")
    more = incoming.take_in(tmp_path, "mine", about, known={"cell", "ground"})
    assert more.rows == 2 and problems(tmp_path, about, more.batch) == [None, None]


def test_an_image_that_is_no_use_takes_what_is_told_of_it_along(tmp_path: Path) -> None:
    about, folder = block("detection", "voc", {}), tmp_path / "data/incoming/mine"
    put(folder, "voc", "a", "b")
    (folder / "images/b.png").write_bytes(b"no image")
    taken = incoming.take_in(tmp_path, "mine", about, known={"cell"})
    assert taken.set_aside.keys() == {"images/b.png", "labels/b.xml"}
    assert taken.set_aside["labels/b.xml"].startswith("belongs to images/b.png, unreadable_image")
    assert problems(tmp_path, about, taken.batch) == [None]


def test_plain_texts_come_in_from_no_folder_a_file_at_a_time(tmp_path: Path) -> None:
    about, folder = block("text_generation", "long_texts", {"texts": "line"}), tmp_path / "data/incoming/mine"
    folder.mkdir(parents=True)
    (folder / "new.txt").write_text("some words of a text\nand some more of them\n")
    (folder / "odd.txt").write_bytes(b"\xff\xfe\x00")
    taken = incoming.take_in(tmp_path, "mine", about, known=set())
    assert taken.rows == 2 and taken.set_aside.keys() == {"odd.txt"}
    assert problems(tmp_path, about, taken.batch) == [None, None]


def test_numbers_of_yolo_are_the_classes_that_incoming_lists(tmp_path: Path) -> None:
    folder = tmp_path / "data/incoming/mine"
    put(folder, "yolo", "a", "b")
    (folder / "labels/b.txt").write_text("1 0.5 0.5 0.5 0.5\n")
    with pytest.raises(DataError, match=r"^data/incoming: nothing names the classes; .* or set incoming\.classes"):
        incoming.take_in(tmp_path, "mine", block("detection", "yolo", {}), known={"cell", "wall"})
    about = block("detection", "yolo", {"classes": ["cell"]})
    taken = incoming.take_in(tmp_path, "mine", about, known={"cell", "wall"})
    assert taken.rows == 1 and taken.set_aside["images/b.png"].startswith("unknown_class")
    put(folder, "yolo", "d")
    (folder / "labels/d.txt").write_text("1 0.5 0.5 0.5 0.5\n")
    about = block("detection", "yolo", {"classes": ["cell", "wall"]})
    taken = incoming.take_in(tmp_path, "mine", about, known={"cell", "wall"})
    assert taken.rows == 1 and not taken.set_aside
