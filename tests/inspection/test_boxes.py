"""What `chainrule new` finds in folders of images and boxes, and the recipe that it writes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.inspection import choices, writing
from chainrule.inspection.detection import detect
from chainrule.inspection.examples import Options
from chainrule.inspection.machine import Machine
from chainrule.recipes.check import find_mistakes
from chainrule.system.errors import DataError

XML = (
    "<annotation><size><width>{0}</width><height>{0}</height></size><object><name>cell</name><bndbox><xmin>2</xmin>"
    "<ymin>2</ymin><xmax>6</xmax><ymax>6</ymax></bndbox></object></annotation>"
)


def put(folder: Path, form: str, parts: tuple[str, ...] = ("",), side: int = 20) -> None:
    """Three images of each part with a box each, in a form."""
    for part in parts:
        images = []
        for number in range(3):
            path = folder / part / "images" / f"{part}{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((side, side, 3), 40 * number, np.uint8)).save(path)
            images.append({"id": number, "file_name": path.name, "width": side, "height": side})
            about = folder / part / "labels" / path.stem
            if form != "coco":
                about.parent.mkdir(exist_ok=True)
            if form == "voc":
                about.with_suffix(".xml").write_text(XML.format(side))
            if form == "yolo":
                about.with_suffix(".txt").write_text("1 0.2 0.2 0.2 0.2\n")
        if form == "coco":
            boxes = [{"image_id": number, "category_id": 1, "bbox": [2, 2, 4, 4]} for number in range(3)]
            told = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cell"}]}
            (folder / part / f"instances_{part or 'all'}.json").write_text(json.dumps(told))


def recipe(path: Path, root: Path) -> dict[str, object]:
    found = detect(path, Options())
    block = writing.block(found, choices.choose(found, root, None, Machine(2, False)), root)
    assert find_mistakes({"recipes": {"mine": block}}) == []
    return block


@pytest.fixture(autouse=True)
def no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no base that lies on this machine be chosen."""
    monkeypatch.delenv("CHAINRULE_REAL_MODELS", raising=False)


@pytest.mark.parametrize("form", ["voc", "coco", "yolo"])
def test_each_form_is_known_with_its_parts(tmp_path: Path, form: str) -> None:
    put(tmp_path, form, ("train", "valid", "test"))
    if form == "yolo":
        (tmp_path / "data.yaml").write_text("names: [dot, cell]\n")
    found = detect(tmp_path, Options())
    assert (found.task, found.target, found.source["kind"]) == ("detection", "boxes", form)
    assert found.parts == {"train": 3, "validation": 3, "test": 3}
    assert any("9 cell" in line for line in found.found) and not found.doubts
    block = recipe(tmp_path, tmp_path)
    assert block["split"] == {"test": 0} and block["net"]["name"] == "dilated"  # type: ignore[index]


def test_a_doubt_asks_for_names_and_small_boxes_for_large_images(tmp_path: Path) -> None:
    put(tmp_path / "data", "yolo")
    found = detect(tmp_path / "data", Options())
    assert found.source["classes"] == ["0", "1"] and any("name them" in doubt for doubt in found.doubts)
    put(tmp_path / "small", "voc", side=80)
    assert [detect(tmp_path / name, Options()).normalise["size"] for name in ("data", "small")] == [256, 512]


def test_images_without_boxes_are_other_things(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        put(tmp_path / name, "none")
        (tmp_path / name / "images").rename(tmp_path / f"{name}s")
        shutil.rmtree(tmp_path / name)
    assert detect(tmp_path, Options()).task == "image_classification"


def test_ids_of_coco_that_do_not_fit_are_said_and_images_without_any_box_refused(tmp_path: Path) -> None:
    put(tmp_path / "coco", "coco")
    path = tmp_path / "coco/instances_all.json"
    told = json.loads(path.read_text())
    told["annotations"].append({"image_id": 99, "category_id": 1, "bbox": [1, 2, 3, 4]})
    path.write_text(json.dumps(told))
    said = detect(tmp_path / "coco", Options()).found
    assert any("instances_all.json: annotations of 1 images that it does not list" in line for line in said)
    put(tmp_path / "voc", "voc")
    for file in (tmp_path / "voc/labels").iterdir():
        file.write_text("<annotation/>")
    with pytest.raises(DataError, match="3 images with an XML file about each, and none tells of a box"):
        detect(tmp_path / "voc", Options())


def test_one_image_with_its_boxes_is_too_few(tmp_path: Path) -> None:
    put(tmp_path, "voc")
    for name in ("1", "2"):
        (tmp_path / f"images/{name}.png").unlink()
        (tmp_path / f"labels/{name}.xml").unlink()
    with pytest.raises(DataError, match=r"one image with its boxes \(0\.png\); a detector needs more"):
        detect(tmp_path, Options())
