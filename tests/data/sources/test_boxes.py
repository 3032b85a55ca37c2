"""Images and boxes as Pascal VOC, COCO and YOLO have them: the same rows, and a reason for what is no use."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chainrule.data.sources import coco, voc, yolo
from chainrule.fields import boxes
from chainrule.system.errors import DataError

OWN = [(8, 4, 24, 12, "cell"), (30, 10, 38, 18, "dot")]
BOMB = b"""<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<annotation><object><name>&b;</name></object></annotation>"""


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((20, 40), np.uint8)).save(path)


def put(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def xml(
    own: Sequence[Any] = OWN, more: str = "", size: str = "<size><width>40</width><height>20</height></size>"
) -> str:
    objects = "".join(
        f"<object><name>{label}</name>{more}<bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax>"
        f"<ymax>{bottom}</ymax></bndbox></object>"
        for left, top, right, bottom, label in own
    )
    return f"<annotation><path>/somewhere/else.jpg</path>{size}{objects}</annotation>"


def lines(own: Sequence[Any] = OWN) -> str:
    names = {"cell": 0, "dot": 1}
    return "\n".join(
        f"{names[label]} {(left + right) / 80} {(top + bottom) / 40} {(right - left) / 40} {(bottom - top) / 20}"
        for left, top, right, bottom, label in own
    )


def of_coco(of_images: Mapping[str, Sequence[Any]], /, **more: Any) -> str:
    found: dict[str, Any] = {
        "images": [
            {"id": number, "file_name": name, "width": 40, "height": 20} for number, name in enumerate(of_images, 1)
        ],
        "categories": [{"id": 5, "name": "cell"}, {"id": 7, "name": "dot"}],
        "annotations": [
            {
                "image_id": number,
                "category_id": {"cell": 5, "dot": 7}.get(label, 9),
                "bbox": [left, top, right - left, bottom - top],
            }
            for number, own in enumerate(of_images.values(), 1)
            for left, top, right, bottom, label in own
        ],
    }
    return json.dumps(found | more)


def said(rows: Any, at: int = 0) -> list[tuple[Any, ...]]:
    """The boxes of a row once cleaning has laid them over an image of its size, in pixels."""
    row = rows.iloc[at]
    own = boxes.read(boxes.over(boxes.normalise(row["boxes"])[0], row["image"], {"size": None})[0])
    return [tuple(box) if box.mark else tuple(box[:5]) for box in own.boxes]


def problems(rows: Any) -> dict[str, str]:
    bad = rows[rows["problem"].notna()]
    return dict(zip(bad["id"], bad["problem"].str.partition(":")[0], strict=True))


@pytest.mark.parametrize(("image", "about"), [("{}.png", "{}"), ("images/{}.png", "labels/{}")])
def test_all_three_forms_give_the_same_boxes(tmp_path: Path, image: str, about: str) -> None:
    for form, ending, content in ((voc, "xml", xml()), (yolo, "txt", lines())):
        for name in ("one", "two"):
            picture(tmp_path / ending / image.format(name))
            put(tmp_path / ending / f"{about.format(name)}.{ending}", content)
        put(tmp_path / "txt" / "classes.txt", "cell\ndot\n")
        rows = form.read(tmp_path / ending)
        assert rows["id"].tolist() == [image.format(name) for name in ("one", "two")]
        assert rows["problem"].isna().all() and rows["part"].isna().all() and said(rows) == OWN
    picture(tmp_path / "json" / image.format("one"))
    put(tmp_path / "json" / "all.json", of_coco({image.format("one"): OWN}))
    assert said(coco.read(tmp_path / "json")) == OWN


def test_an_archive_is_read_as_a_folder(tmp_path: Path) -> None:
    picture(tmp_path / "all/JPEGImages/a.png")
    put(tmp_path / "all/Annotations/a.xml", xml())
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "all")
    assert said(voc.read(tmp_path / "packed.zip")) == OWN


def test_lists_of_voc_say_the_parts(tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / f"JPEGImages/{number}.png")
        put(tmp_path / f"Annotations/{number}.xml", xml())
    main = tmp_path / "ImageSets/Main"
    for name, own in (("train", "0\n"), ("val", "1\n"), ("trainval", "0\n1\n"), ("test", "2\n9\n")):
        put(main / f"{name}.txt", own)
    rows = voc.read(tmp_path)
    assert rows["part"].tolist()[:3] == ["train", "validation", "test"] and rows["part"].isna()[3]
    assert rows.attrs["noted"] == {"lines of lists that name no image": 1}
    (main / "train.txt").unlink()
    assert voc.read(tmp_path)["part"].tolist()[:3] == ["train", "train", "test"]
    given = voc.read(tmp_path, parts={"test": "ImageSets/Main/val.txt"})
    assert given["part"].tolist()[1] == "test"


def test_folders_and_names_of_files_say_the_parts(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        picture(tmp_path / "txt" / part / f"images/{part}.png")
        put(tmp_path / "txt" / part / f"labels/{part}.txt", lines())
        picture(tmp_path / f"json/{part}/{part}.png")
        put(tmp_path / f"json/{part}/_annotations.coco.json", of_coco({f"{part}.png": OWN}))
        picture(tmp_path / f"big/{part}2017/a.png")
        put(tmp_path / f"big/annotations/instances_{part}2017.json", of_coco({"a.png": OWN}))
    put(tmp_path / "txt/data.yaml", "names: {0: cell, 1: dot}\ntrain: train/images\n")
    for rows in (yolo.read(tmp_path / "txt"), coco.read(tmp_path / "json"), coco.read(tmp_path / "big")):
        assert sorted(rows["part"]) == ["test", "train", "validation"] and said(rows) == OWN
    files = {"train": "annotations/instances_train2017.json", "test": "annotations/instances_test2017.json"}
    rows = coco.read(tmp_path / "big", files=files)
    assert problems(rows) == {"valid2017/a.png": "image_without_annotation"}


def test_what_cannot_be_used_has_its_reason(tmp_path: Path) -> None:
    deep = b"<a>" * 40 + b"</a>" * 40
    bad: dict[str, tuple[bytes | str, str]] = {
        "bomb": (BOMB, "declared_annotation"),
        "broken": ("<annotation><size>", "unreadable_annotation"),
        "deep": (deep, "annotation_too_large"),
        "unplaced": ("<annotation><object><name>cell</name></object></annotation>", "unreadable_annotation"),
        "word": (xml([("one", 2, 3, 4, "cell")]), "unreadable_annotation"),
        "strange": (xml([(1, 2, 3, 4, "car")]), "unknown_class"),
    }
    for name, (content, _) in bad.items():
        picture(tmp_path / f"{name}.png")
        put(tmp_path / f"{name}.xml", content)
    picture(tmp_path / "alone.png")
    put(tmp_path / "lone.xml", xml())
    picture(tmp_path / "empty.png")
    put(tmp_path / "empty.xml", xml([]))
    rows = voc.read(tmp_path, classes=["cell", "dot"])
    expected = {f"{name}.png": reason for name, (_, reason) in bad.items()}
    expected |= {"alone.png": "image_without_annotation", "lone.xml": "annotation_without_image"}
    assert problems(rows) == expected
    assert said(rows, rows["id"].tolist().index("empty.png")) == []


def test_marks_of_boxes_are_kept(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    put(tmp_path / "a.xml", xml(more="<difficult>1</difficult>", size=""))
    assert {box[5] for box in said(voc.read(tmp_path))} == {"difficult"}
    told = json.loads(of_coco({"a.png": OWN}))
    told["annotations"][0]["iscrowd"] = 1
    put(tmp_path / "all.json", json.dumps(told))
    assert [len(box) for box in said(coco.read(tmp_path))] == [6, 5]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2 0.5 0.5 0.1 0.1", "unknown_class"),
        ("0.5 0.5 0.5 0.1 0.1", "unknown_class"),
        ("0 0.5 0.5 0.1", "unreadable_annotation"),
        ("0 0.5 nan 0.1 0.1", "unreadable_annotation"),
        ("inf 0.5 0.5 0.1 0.1", "unreadable_annotation"),
        ("1e999 0.5 0.5 0.1 0.1", "unreadable_annotation"),
        ("0 320 200 64 32", "unreadable_annotation"),
        ("cell 0.5 0.5 0.1 0.1", "unreadable_annotation"),
    ],
)
def test_a_line_of_yolo_that_is_none_has_its_reason(tmp_path: Path, line: str, reason: str) -> None:
    picture(tmp_path / "images/a.png")
    put(tmp_path / "labels/a.txt", line)
    assert problems(yolo.read(tmp_path, classes=["cell", "dot"])) == {"images/a.png": reason}


def test_an_outline_of_yolo_is_the_box_around_it_and_an_empty_file_says_nothing_is_there(tmp_path: Path) -> None:
    for name, content in (("a", "1 0.2 0.3 0.6 0.3 0.4 0.8"), ("b", ""), ("c", None)):
        picture(tmp_path / f"images/{name}.png")
        if content is not None:
            put(tmp_path / f"labels/{name}.txt", content)
    rows = yolo.read(tmp_path, classes=["cell", "dot"])
    assert said(rows) == [(8, 6, 24, 16, "dot")] and said(rows, 1) == []
    assert problems(rows) == {"images/c.png": "image_without_annotation"}


def test_faults_of_coco_that_are_no_row_s_own_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    path = tmp_path / "all.json"
    put(path, of_coco({"a.png": [(1, 2, 3, 4, "what")], "gone.png": OWN}))
    assert problems(coco.read(tmp_path)) == {"a.png": "unknown_class", "gone.png": "annotation_without_image"}
    put(path, of_coco({"a.png": OWN}, images=[{"id": 1}]))
    with pytest.raises(DataError, match="image 0 lacks an id or a file_name"):
        coco.read(tmp_path)
    put(path, of_coco({"a.png": OWN}, annotations=[{"image_id": 8, "category_id": 5, "bbox": [1, 2, 3, 4]}]))
    assert problems(coco.read(tmp_path)) == {"image 8": "annotation_without_image"}
    put(path, of_coco({"a.png": OWN}))
    put(tmp_path / "more.json", of_coco({"a.png": OWN}))
    with pytest.raises(DataError, match=r"which part are all\.json, more\.json"):
        coco.read(tmp_path)
    with pytest.raises(DataError, match=r"other\.json: missing"):
        coco.read(tmp_path, files={"all": "other.json"})


def test_paths_without_what_is_looked_for_say_so(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for form, wanted in ((voc, "no .xml file"), (coco, "no JSON file"), (yolo, "no image has a .txt file")):
        with pytest.raises(DataError, match=wanted):
            form.read(tmp_path)
    put(tmp_path / "a.txt", lines())
    with pytest.raises(DataError, match="nothing names the classes"):
        yolo.read(tmp_path)
    picture(tmp_path / "images/a.png")
    put(tmp_path / "a.xml", xml())
    with pytest.raises(DataError, match="two images of one name"):
        voc.read(tmp_path)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"bbox": [10**400, 1, 2, 3]}, "unreadable_annotation"),
        ({"bbox": [1, 1, 2, -(10**400)]}, "unreadable_annotation"),
        ({"category_id": [5]}, "unknown_class"),
        ({"category_id": {}}, "unknown_class"),
    ],
)
def test_values_of_coco_of_other_types_are_the_rows_own(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    picture(tmp_path / "a.png")
    told = json.loads(of_coco({"a.png": OWN}))
    told["annotations"][0] |= changed
    put(tmp_path / "all.json", json.dumps(told))
    assert problems(coco.read(tmp_path)) == {"a.png": reason}
    told["annotations"][0] |= {"image_id": [1]}
    put(tmp_path / "all.json", json.dumps(told))
    assert problems(coco.read(tmp_path)) == {"image [1]": "annotation_without_image"}


def test_a_size_of_coco_that_is_no_number_is_none(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    told = json.loads(of_coco({"a.png": OWN}))
    told["images"][0]["width"] = 10**400
    put(tmp_path / "all.json", json.dumps(told))
    assert json.loads(coco.read(tmp_path)["boxes"][0])["size"] is None
