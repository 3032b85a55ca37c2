"""Bases of torchvision: weights by name out of files that were put by hand, and any one file."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision import models

from base_project import fetched
from chainrule.nets.torchvision import build
from chainrule.system.errors import DataError
from chainrule.system.files import sha256
from chainrule.training import start

ARCH, NAME = "shufflenet_v2_x0_5", "ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1"  # of the smallest that there are


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Random weights of the net, its classifier with them."""
    torch.manual_seed(0)
    return dict(models.get_model(ARCH, weights=None).state_dict())


def base_of(root: Path, name: str, arch: str | None = None) -> start.Base:
    return start.read(fetched(root, "image", {"from": "torchvision", "name": name, "arch": arch}))


def test_a_file_is_a_base_with_what_torchvision_does_before_the_net(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    torch.save(state, tmp_path / "mine.pth")
    base = base_of(tmp_path, "mine.pth", ARCH)
    assert base.net == {"name": "torchvision", "arch": ARCH}
    net = build(3, arch=ARCH, size=None)
    assert base.load(net) == []
    loaded = net.net.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in loaded.items())
    assert state.keys() - loaded.keys() == {"fc.weight", "fc.bias"}
    shown = models.get_weight(NAME).transforms()
    assert base.inputs is not None
    assert (base.inputs["mean"], base.inputs["std"], base.inputs["size"]) == (shown.mean, shown.std, [224, 224])
    assert base.card["files"] == {"mine.pth": sha256(tmp_path / "mine.pth")}
    assert sorted(path.name for path in base.folder.iterdir()) == ["base.json", "model.safetensors"]


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    """torchvision itself takes any file of the right name."""
    url = Path(models.get_weight(NAME).url)
    path = tmp_path / "models" / "torchvision" / url.name
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    with pytest.raises(DataError, match=r"its sha256 does not begin with f707e7126e, as its name says"):
        base_of(tmp_path, NAME)
    right = path.with_name(f"mine-{sha256(path)[:8]}.pth")
    path.rename(right)
    assert base_of(tmp_path, right.name, ARCH).card["files"].keys() == {right.name}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"name": "ShuffleNet_V2_Weights.DEFAULT"},
            "no weights 'ShuffleNet_V2_Weights.*; did you mean ShuffleNet",
        ),
        ({"name": "mine.pth"}, r"base\.arch: mine\.pth: a file of weights does not say of which net"),
        ({"name": "mine.pth", "arch": "resnet_18"}, "no classifier 'resnet_18'; did you mean resnet18"),
        ({"name": "nowhere.pth", "arch": ARCH}, "no such file"),
        (
            {"name": "mine.pth", "arch": "shufflenet_v2_x1_0"},
            r"stage2\.0\.branch1\.2\.weight is \[24, 24, 1, 1\], the net's \[58",
        ),
        ({"name": "mine.pth", "arch": "mobilenet_v3_small"}, r"features\.0\.0\.weight is missing; .* more"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    tmp_path: Path, state: dict[str, torch.Tensor], options: dict[str, Any], said: str
) -> None:
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(DataError, match=said) as caught:
        base_of(tmp_path, **options)
    assert "\n" not in str(caught.value)


def test_a_segmentation_net_is_a_base_as_well(tmp_path: Path) -> None:
    torch.manual_seed(0)
    arch = "lraspp_mobilenet_v3_large"
    own = dict(models.get_model(arch, weights=None, weights_backbone=None).state_dict())
    torch.save(own, tmp_path / "mine.pth")
    base = base_of(tmp_path, "mine.pth", arch)
    net = build(3, arch=arch, size=None)
    assert base.load(net) == []
    assert all(torch.equal(tensor, own[name]) for name, tensor in net.net.state_dict().items())
    assert base.inputs is not None and base.inputs["size"] == [520, 520] and base.inputs["crop"] == 1


def test_the_body_of_a_detector_is_a_base_too_with_what_its_own_transform_does(tmp_path: Path) -> None:
    arch = "ssdlite320_mobilenet_v3_large"
    state = models.get_model(arch, weights=None, weights_backbone=None).state_dict()
    counted = "num_batches_tracked"  # frozen normalisation has none
    torch.save({name: tensor for name, tensor in state.items() if not name.endswith(counted)}, tmp_path / "mine.pth")
    base = base_of(tmp_path, "mine.pth", arch)
    net = build(3, arch=arch, size=None)
    assert base.load(net) == []
    loaded = {name: tensor for name, tensor in net.net.state_dict().items() if not name.endswith(counted)}
    assert loaded and all(torch.equal(tensor, state[name]) for name, tensor in loaded.items())
    assert base.inputs is not None
    assert (base.inputs["mean"], base.inputs["size"]) == ([0.5, 0.5, 0.5], [320, 320])
    assert [stride for _, stride in net.pyramid][:2] == [16, 32]  # type: ignore[union-attr]
    with torch.no_grad():
        shapes = [tuple(maps.shape[1:3]) for maps in net.eval().feature_maps(torch.zeros(1, 3, 96, 96))]  # type: ignore[union-attr]
    assert shapes[:2] == [(672, 6), (480, 3)]
