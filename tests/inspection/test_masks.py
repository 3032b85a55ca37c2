"""What `chainrule new` finds in folders of images and masks, and the recipe that it writes."""

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

PLACES = np.array([[0, 1, 2, 2], [2, 1, 255, 0]], np.uint8).repeat(10, 0).repeat(10, 1)


def pairs(folder: Path, count: int, mask: np.ndarray = PLACES, part: str = "", drift: bool = False) -> None:
    random = np.random.default_rng(0)
    for number in range(count):
        noise = random.integers(0, 60, (*mask.shape[:2], 3))
        pixels = noise // 6 + number * 3 if drift else noise + random.integers(0, 150)
        for kind, array in (("images", pixels.astype(np.uint8)), ("masks", mask)):
            path = folder / part / kind / f"s{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)


def recipe(path: Path, root: Path) -> dict[str, object]:
    found = detect(path, Options())
    block = writing.block(found, choices.choose(found, root, None, Machine(2, False)), root)
    assert find_mistakes({"recipes": {"mine": block}}) == []
    return block


@pytest.fixture(autouse=True)
def no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no base that lies on this machine be chosen."""
    monkeypatch.delenv("CHAINRULE_REAL_MODELS", raising=False)


def test_levels_become_classes_and_a_doubt_asks_for_their_names(tmp_path: Path) -> None:
    pairs(tmp_path / "data", 5)
    found = detect(tmp_path / "data", Options())
    assert (found.task, found.target, found.rows) == ("segmentation", "mask", 5)
    assert found.source["classes"] == found.incoming["classes"] == {0: "0", 1: "1", 2: "2"}
    assert any("name them" in doubt for doubt in found.doubts)
    block = recipe(tmp_path / "data", tmp_path)
    assert block["source"] == {"kind": "mask_folder", "classes": {0: "0", 1: "1", 2: "2"}, "path": "data"}
    assert block["net"]["name"] == "dsdnet"  # type: ignore[index]


def test_parts_colours_and_a_table_of_names(tmp_path: Path) -> None:
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)[np.minimum(PLACES, 2)]
    for part in ("train", "val", "test"):
        pairs(tmp_path, 3, colours, part)
    assert detect(tmp_path, Options()).source["colours"] == {name: name for name in ("#000000", "#0000ff", "#ff0000")}
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nvoid,0,0,0\nroad,255,0,0\nsky,0,0,255\n")
    found = detect(tmp_path, Options())
    assert found.source["colours"] == {"void": "#000000", "road": "#ff0000", "sky": "#0000ff"}
    assert found.parts == {"train": 3, "validation": 3, "test": 3} and found.split == {"test": 0}
    recipe(tmp_path, tmp_path)


def test_slices_of_a_volume_are_kept_together(tmp_path: Path) -> None:
    pairs(tmp_path / "volume", 24, np.where(PLACES == 1, 255, 0).astype(np.uint8), drift=True)
    pairs(tmp_path / "photos", 24)
    found = detect(tmp_path / "volume", Options())
    assert found.source["block"] == 4 and "block" not in found.incoming
    assert found.source["classes"] == {0: "background", 255: "foreground"}
    assert "block" not in detect(tmp_path / "photos", Options()).source


@pytest.mark.parametrize("sizes", [[(40, 60), (50, 30)], [(700, 800)] * 2])
def test_images_of_many_sizes_become_squares_and_large_ones_windows(
    tmp_path: Path, sizes: list[tuple[int, int]]
) -> None:
    for number, (high, wide) in enumerate(sizes):
        for kind in ("images", "masks"):
            (tmp_path / "data" / kind).mkdir(parents=True, exist_ok=True)
            array = (np.arange(high * wide) % 2).astype(np.uint8).reshape(high, wide)
            Image.fromarray(array).save(tmp_path / "data" / kind / f"{'ab'[number]}.png")
    block = recipe(tmp_path / "data", tmp_path)
    distort = block["finetune"]["distort"]  # type: ignore[index]
    if len(set(sizes)) > 1:
        assert block["clean"]["normalise"]["fit"] == "pad" and "window" not in distort  # type: ignore[index]
    else:
        assert distort["window"] == 288


def test_masks_of_one_level_are_refused_in_a_line(tmp_path: Path) -> None:
    pairs(tmp_path, 5, np.zeros((10, 10), np.uint8))
    with pytest.raises(DataError, match="masks have nothing but level 0"):
        detect(tmp_path, Options())


def test_masks_of_another_size_than_their_image_are_doubted(tmp_path: Path) -> None:
    pairs(tmp_path, 5)
    path = tmp_path / "masks/s3.png"
    with Image.open(path) as mask:
        mask.resize((20, 20), Image.Resampling.NEAREST).save(path)
    (doubt,) = (doubt for doubt in detect(tmp_path, Options()).doubts if "another size" in doubt)
    assert doubt.startswith("1 mask of another size than the image (s3.png: 40 by 20, its mask 20 by 20)")


def test_one_image_with_its_mask_is_too_few(tmp_path: Path) -> None:
    pairs(tmp_path, 1)
    with pytest.raises(DataError, match=r"one image with its mask \(s0\.png\); segmentation needs more"):
        detect(tmp_path, Options())
