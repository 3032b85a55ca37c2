import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chainrule.data.formats import masks
from chainrule.data.sources import mask_folder
from chainrule.fields import mask
from chainrule.system.errors import DataError

PLACES = np.array([[0, 1, 2], [2, 1, 255]], np.uint8)


def save(path: Path, pixels: np.ndarray, palette: list[int] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    if palette is not None:
        picture = picture.convert("P")
        picture.putpalette(palette)
    picture.save(path)


def picture(path: Path) -> None:
    save(path, np.zeros((2, 3, 3), np.uint8))


def read(folder: Path, **options: Any) -> Any:
    return mask_folder.read(folder, **options)


@pytest.mark.parametrize(
    ("image", "own"),
    [
        ("images/{}.jpg", "masks/{}.png"),
        ("JPEGImages/{}.jpg", "SegmentationClass/{}.png"),
        ("a/{}.jpg", "a/{}_mask.png"),
        ("img/{}.bmp", "ground_truth/{}_gt.png"),
        ("images/sub/{}.jpg", "labels/sub/{}.png"),
    ],
)
def test_pairs_are_found_by_their_names(tmp_path: Path, image: str, own: str) -> None:
    for name in ("one", "two"):
        picture(tmp_path / image.format(name))
        save(tmp_path / own.format(name), PLACES)
    rows = read(tmp_path)
    assert rows["id"].tolist() == [image.format(name) for name in ("one", "two")]
    assert rows["problem"].isna().all() and rows["part"].isna().all()
    assert (mask.read(rows["mask"][0]) == PLACES).all()
    assert mask.about(rows["mask"][0]).classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("image", "own"),
    [("{}/image/a.jpg", "{}/label/a.png"), ("images/{}/a.jpg", "labels/{}/a.png"), ("{}/a.jpg", "{}annot/a.png")],
)
def test_parts_are_told_by_folders(tmp_path: Path, image: str, own: str) -> None:
    for part in ("train", "val", "test"):
        picture(tmp_path / image.format(part))
        save(tmp_path / own.format(part), PLACES)
    assert sorted(read(tmp_path)["part"]) == ["test", "train", "validation"]


def test_a_folder_of_training_alone_has_no_parts(tmp_path: Path) -> None:
    picture(tmp_path / "train/images/a.jpg")
    save(tmp_path / "train/masks/a.png", PLACES)
    assert read(tmp_path)["part"].isna().all()


def test_an_archive_is_read_as_a_folder(tmp_path: Path) -> None:
    picture(tmp_path / "all/images/a.jpg")
    save(tmp_path / "all/masks/a.png", PLACES)
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "all")
    rows = read(tmp_path / "packed.zip")
    assert rows["id"].tolist() == ["images/a.jpg"] and (mask.read(rows["mask"][0]) == PLACES).all()


def test_what_has_no_partner_is_a_row_with_a_reason(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.jpg")
    save(tmp_path / "masks/a.png", PLACES)
    picture(tmp_path / "images/b.jpg")
    save(tmp_path / "masks/c.png", PLACES)
    picture(tmp_path / "images/d.jpg")
    save(tmp_path / "masks/d.png", PLACES)
    save(tmp_path / "masks/d.bmp", PLACES)
    (tmp_path / "images/notes.txt").write_text("")
    rows = read(tmp_path).set_index("id")
    assert rows["problem"]["images/b.jpg"] == "image_without_mask"
    assert rows["problem"]["masks/c.png"] == "mask_without_image"
    assert rows["problem"]["images/d.jpg"].startswith("two_masks: masks/d.bmp")
    assert rows["problem"].notna().sum() == 3 and rows.attrs["other_files"] == 1


def test_binary_masks_and_classes_by_level(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.jpg")
    save(tmp_path / "masks/a.png", np.array([[0, 255, 255], [0, 0, 255]], np.uint8))
    found = mask.about(read(tmp_path)["mask"][0])
    assert found.classes == ("background", "foreground") and found.pixels == (3, 3)
    for classes in ({255: "cell", 0: "wall"}, ["wall", "cell"]):
        own = read(tmp_path, classes=classes)["mask"][0]
        assert dict(zip(*mask.about(own)[::2], strict=True)) == {"wall": 3, "cell": 3}


@pytest.mark.parametrize("by_file", [False, True])
def test_colours_are_classes(tmp_path: Path, by_file: bool) -> None:
    pixels = np.array([[[255, 0, 0], [0, 0, 255], [0, 0, 0]]] * 2, np.uint8)
    save(tmp_path / "images/a.jpg", np.zeros((2, 3, 3), np.uint8))
    save(tmp_path / "masks/a.png", pixels)
    told: dict[str, Any] = {"colours": {"road": "#ff0000", "sky": "#0000ff", "none": "#000000"}}
    if by_file:
        (tmp_path / "class_dict.csv").write_text("name,r,g,b\nroad,255,0,0\nsky,0,0,255\nnone,0,0,0\n")
        told = {}
    rows = read(tmp_path, **told)
    assert mask.about(rows["mask"][0]).classes == ("road", "sky", "none")
    assert mask.read(rows["mask"][0]).tolist() == [[0, 1, 2]] * 2
    unnamed = read(tmp_path, colours={"road": "#ff0000", "sky": "#0000ff"})
    assert unnamed["problem"][0] == "colours_of_no_class: #000000 (2 pixels)"
    ignored = read(tmp_path, colours={"road": "#ff0000", "sky": "#0000ff"}, ignore=["#000000"])
    assert mask.read(ignored["mask"][0]).tolist() == [[0, 1, 255]] * 2


def test_a_palette_gives_places_and_colours(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.jpg")
    save(tmp_path / "masks/a.png", np.array([[0, 1, 2], [2, 1, 0]], np.uint8), [0, 0, 0, 10, 20, 30, 200, 100, 50])
    found = mask.about(read(tmp_path)["mask"][0])
    assert found.colours == ("#000000", "#0a141e", "#c86432")


def test_names_by_line_are_the_classes_of_levels(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.jpg")
    save(tmp_path / "masks/a.png", PLACES)
    (tmp_path / "codes.txt").write_text("Sky\nRoad surface\nTree\n")
    assert mask.about(read(tmp_path)["mask"][0]).classes == ("Sky", "Road surface", "Tree")


@pytest.mark.parametrize(
    "text",
    [
        "64 128 64 Animal\n192 0 128\t\tArchway",
        "Animal:64,128,64::\nArchway:192,0,128::",
        "name,r,g,b\nAnimal,64,128,64\nArchway,192,0,128",
    ],
)
def test_tables_of_colours_as_tools_write_them(text: str) -> None:
    assert masks.read_table(text) == {"Animal": "#408040", "Archway": "#c00080"}


def test_a_photograph_in_place_of_masks_is_one_clear_error(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.jpg")
    save(tmp_path / "masks/a.png", np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8))
    with pytest.raises(DataError, match=r"more than 64.*source\.classes"):
        read(tmp_path)
    with pytest.raises(DataError, match="no image has a mask"):
        read(tmp_path / "images")


def test_levels_of_no_class_are_said(tmp_path: Path) -> None:
    for name, places in (("a", PLACES), ("b", PLACES * 3)):
        picture(tmp_path / f"images/{name}.jpg")
        save(tmp_path / f"masks/{name}.png", places)
    rows = read(tmp_path, classes=["x", "y", "z"])
    assert rows["problem"].isna().tolist() == [True, False]
    assert rows["problem"][1].startswith("levels_of_no_class: ")


def test_damaged_and_animated_masks_are_rejected_with_their_reason(tmp_path: Path) -> None:
    for name in "abc":
        picture(tmp_path / f"images/{name}.jpg")
    save(tmp_path / "masks/a.png", PLACES)
    (tmp_path / "masks/b.png").write_bytes(b"\x89PNG nothing")
    frames = [Image.fromarray(PLACES), Image.fromarray(PLACES[::-1].copy())]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    (tmp_path / "masks/c.gif").write_bytes(buffer.getvalue())
    problems = read(tmp_path)["problem"]
    assert problems[1].startswith("unreadable_mask") and problems[2].startswith("animated_mask: 2 frames")


def test_slices_that_follow_each_other_stay_together(tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / f"images/s{number}.jpg")
        save(tmp_path / f"masks/s{number}.png", PLACES)
    assert read(tmp_path, block=3)["group"].tolist() == ["images/s0+3"] * 3 + ["images/s3+3"] * 3
    groups = read(tmp_path, group_pattern=r"s([45])")["problem"]
    assert groups.notna().sum() == 4


@pytest.mark.parametrize("options", [{}, {"classes": ["x", "y", "z"]}])
def test_a_mask_unlike_all_others_is_rejected_and_does_not_stop_them(tmp_path: Path, options: dict[str, Any]) -> None:
    noise = np.random.default_rng(0)
    strange = [noise.integers(0, 256, (20, 20, 3), np.uint8), noise.integers(0, 65536, (20, 20)).astype(np.uint16)]
    strange += [np.full((2, 3, 3), (200, 0, 0), np.uint8)]
    for number, own in enumerate([*strange, *[PLACES] * 4]):
        picture(tmp_path / f"images/{number}.jpg")
        save(tmp_path / f"masks/{number}.png", own)
    rows = read(tmp_path, **options)
    reasons = [problem.partition(":")[0] for problem in rows["problem"].dropna()]
    assert reasons == ["colours_of_no_class", "levels_of_no_class", "colours_of_no_class"]
    assert mask.about(rows["mask"][3]).classes == tuple(options.get("classes", "012"))


def test_grey_masks_among_coloured_ones_are_colours(tmp_path: Path) -> None:
    for number, own in enumerate([(200, 0, 0), (0, 0, 0), (0, 0, 0), (255, 255, 255)]):
        picture(tmp_path / f"images/{number}.jpg")
        save(tmp_path / f"masks/{number}.png", np.full((2, 3, 3), own, np.uint8))
    rows = read(tmp_path)
    assert rows["problem"].isna().all() and mask.about(rows["mask"][0]).classes == ("#000000", "#c80000", "#ffffff")
