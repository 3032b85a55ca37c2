"""A base of one of the two nets that a net of images and texts is made of: taken for that one, and its inputs."""

from pathlib import Path
from typing import Any

import pytest
import torch

from chainrule.nets import bag, cnn, image_text
from chainrule.system.errors import DataError, ParamsError
from chainrule.training import start
from chainrule.training.weights import save_weights

IMAGE = {"name": "cnn", "width": 4, "depth": 2, "dropout": 0.0}
TEXT = {"name": "bag", "width": 8, "buckets": 64, "dropout": 0.0}
BLOCK: dict[str, Any] = {
    "name": "image_text", "image": IMAGE, "text": TEXT,
    "fusion": "late", "width": 8, "heads": 2, "layers": 1, "dropout": 0.0,
}  # fmt: skip
OF_IMAGES = {"mean": [0.5] * 3, "std": [0.2] * 3, "size": [16, 16]}
OF_TEXTS = {"vocabulary": 50, "pad_id": 0, "max_length": 16}


def options(block: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in block.items() if name != "name"}


def built() -> image_text.ImageText:
    torch.manual_seed(0)
    return image_text.build(3, 50, 0, **options(BLOCK))


def written(folder: Path, net: torch.nn.Module, block: dict[str, Any], inputs: dict[str, Any]) -> start.Base:
    folder.mkdir()
    save_weights(net, folder / start.WEIGHTS)
    start.write(folder, {"from": "finetuned", "net": block, "inputs": inputs})
    return start.read(folder)


@pytest.mark.parametrize("part", ["image", "text"])
def test_weights_go_into_the_net_that_they_are_of(tmp_path: Path, part: str) -> None:
    torch.manual_seed(1)
    known = cnn.build(3, **options({**IMAGE, "width": 6})) if part == "image" else bag.build(50, 0, **options(TEXT))
    block, inputs = ({**IMAGE, "width": 6}, OF_IMAGES) if part == "image" else (TEXT, OF_TEXTS)
    base = written(tmp_path / "base", known, block, inputs)
    resolved, said = start.resolved(BLOCK, base, {part: {"width": 4}})
    assert resolved[part]["width"] == block["width"]
    assert said == [f"net.{part}.width: the base's wins, {block['width']}, not 4"]
    net = image_text.build(3, 50, 0, **options(resolved))
    other = "text" if part == "image" else "image"
    before = {name: tensor.clone() for name, tensor in net.get_submodule(other).state_dict().items()}
    assert base.load(net) == []
    for name, tensor in known.state_dict().items():
        assert torch.equal(net.get_submodule(part).state_dict()[name], tensor), name
    assert all(torch.equal(net.get_submodule(other).state_dict()[name], tensor) for name, tensor in before.items())


def test_a_base_of_both_is_the_whole_net(tmp_path: Path) -> None:
    known = built()
    base = written(tmp_path / "base", known, BLOCK, {**OF_IMAGES, **OF_TEXTS})
    assert start.resolved(BLOCK, base, {}) == (BLOCK, [])
    net = image_text.build(3, 50, 0, **options(BLOCK))
    base.load(net)
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in known.state_dict().items())


def test_another_net_is_refused_by_its_place(tmp_path: Path) -> None:
    base = written(tmp_path / "base", cnn.build(3, **options(IMAGE)), IMAGE, OF_IMAGES)
    with pytest.raises(ParamsError, match=r"net\.image\.name: 'resnet9', but the base is one of"):
        start.resolved({**BLOCK, "image": {"name": "resnet9"}}, base, {})
    with pytest.raises(DataError, match="weights of another net"):
        base.load(image_text.build(3, 50, 0, **options({**BLOCK, "image": {**IMAGE, "depth": 3}})))
