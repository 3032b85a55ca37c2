"""Bases of timm: a real folder, and small ones with random weights written here."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from base_project import fetched
from chainrule.system.errors import DataError, ParamsError
from chainrule.training import start, weights
from chainrule.training.bodies.image import Model
from chainrule.training.inputs import image as inputs
from chainrule.training.targets import label

ARCH, VIT = "test_resnet", "test_vit"  # timm's own, of a few ten thousand weights


def folder_of(path: Path, arch: str, **taken: Any) -> Path:
    """Write a folder of timm's form with random weights and a classifier."""
    torch.manual_seed(0)
    net = timm.create_model(arch, pretrained=False)
    path.mkdir()
    save_file(net.state_dict(), path / "model.safetensors")
    known = {**timm.get_pretrained_cfg(arch).to_dict(), "license": "mit", **taken}
    (path / "config.json").write_text(json.dumps({"architecture": arch, "num_classes": 1000, "pretrained_cfg": known}))
    return path


def base_of(root: Path, **options: Any) -> start.Base:
    return start.read(fetched(root, "image", {"from": "timm", "revision": None, "arch": None, **options}))


def model_of(base: start.Base, images: torch.Tensor, **net: Any) -> tuple[Model, list[str]]:
    """Return the chain's model for images uint8 [N, H, W, C], its net the base's, and what is said of the weights."""
    assert base.net is not None
    facts = inputs.fit_facts([images.numpy()], None, base.inputs)
    block, _ = start.resolved({"name": "timm", "arch": None, "size": None, **net}, base, net)
    made = weights.build_net({"modality": "image", "net": block}, facts, seed=1)
    said = base.load(made)
    return Model(made, label, facts, {"classes": ["a", "b"]}).eval(), said


def features(model: Model, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.net((images.permute(0, 3, 1, 2).float() / 255 - model.mean) / model.std)
    return found


def pixels(side: int, channels: int = 3) -> torch.Tensor:
    return torch.randint(
        0, 256, (2, side, side, channels), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


@pytest.mark.skipif("CHAINRULE_REAL_MODELS" not in os.environ, reason="CHAINRULE_REAL_MODELS names no directory")
def test_a_real_net_has_timms_own_features(tmp_path: Path) -> None:
    folder = Path(os.environ["CHAINRULE_REAL_MODELS"]) / "efficientnet-lite0"
    base = base_of(tmp_path, name=str(folder))
    images = pixels(64)
    ours = features(model_of(base, images)[0], images)
    own = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    with torch.no_grad():
        theirs = own((images.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5)
    assert (ours - theirs).abs().max() < 1e-5
    assert (base.card["licence"], base.net) == ("apache-2.0", {"name": "timm", "arch": "tf_efficientnet_lite0"})
    expected = {"mean": [0.5] * 3, "std": [0.5] * 3, "size": [224, 224], "interpolation": "bicubic", "crop": 0.875}
    assert base.inputs == expected


def test_a_folder_and_its_one_file_are_the_same_base(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "net", ARCH)
    torch.save({"epoch": 3, "state_dict": load_file(folder / "model.safetensors")}, tmp_path / "net.pth")
    images = pixels(32)
    by_folder = features(model_of(base_of(tmp_path / "a", name=str(folder)), images)[0], images)
    by_file = base_of(tmp_path / "b", name=str(tmp_path / "net.pth"), arch=ARCH)
    assert torch.equal(features(model_of(by_file, images)[0], images), by_folder)
    own = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    known = by_file.inputs
    assert known is not None
    mean, std = (torch.tensor(known[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    with torch.no_grad():
        assert (own((images.permute(0, 3, 1, 2).float() / 255 - mean) / std) - by_folder).abs().max() < 1e-5


def test_what_is_stored_in_half_precision_stays_so_and_computes_in_single(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "net", ARCH)
    stored = load_file(folder / "model.safetensors")
    halved = {name: value.half() if value.is_floating_point() else value for name, value in stored.items()}
    save_file(halved, folder / "model.safetensors")
    base = base_of(tmp_path, name=str(folder))
    kept = load_file(base.folder / start.WEIGHTS)
    assert {value.dtype for value in kept.values() if value.is_floating_point()} == {torch.float16}
    model, _ = model_of(base, pixels(32))
    assert {value.dtype for value in model.net.state_dict().values() if value.is_floating_point()} == {torch.float32}
    assert torch.equal(model.net.state_dict()["net.conv1.0.weight"], halved["conv1.0.weight"].float())


def test_positions_of_another_image_size_are_interpolated_and_it_is_said(tmp_path: Path) -> None:
    base = base_of(tmp_path, name=str(folder_of(tmp_path / "net", VIT)))
    images = pixels(48)
    own = timm.get_pretrained_cfg(VIT).input_size[-1]
    _, said = model_of(base, images)
    assert said == [], f"by default a net of one size scales the images to {own}"
    model, said = model_of(base, images, size=own // 2)
    (line,) = said
    assert "interpolated" in line
    assert "net.size" in line
    theirs = timm.create_model(f"local-dir:{tmp_path / 'net'}", pretrained=True, num_classes=0, img_size=own // 2)
    assert torch.allclose(model.net.net.pos_embed, theirs.pos_embed, atol=1e-6)
    assert features(model, images).shape == (2, theirs.num_features)


def test_rows_that_are_not_what_the_base_learnt_from_are_told_of(tmp_path: Path) -> None:
    base = base_of(tmp_path, name=str(folder_of(tmp_path / "net", ARCH, input_size=(3, 160, 160))))
    assert base.inputs is not None
    grey = inputs.fit_facts([pixels(32, 1).numpy()], None, base.inputs)
    said = inputs.beside_base(grey, base.inputs, {"net": {"size": None}})
    assert ["grey" in line for line in said] == [True, False]
    assert "160×160; the rows are 32×32" in said[1]
    right = inputs.fit_facts([pixels(160).numpy()], None, base.inputs)
    assert inputs.beside_base(right, base.inputs, {"net": {"size": None}}) == []
    assert inputs.beside_base(right, base.inputs, {"net": {"size": 96}}) != []
    images = pixels(32, 1)
    shown = images.expand(-1, -1, -1, 3)
    assert torch.allclose(features(model_of(base, images)[0], images), features(model_of(base, shown)[0], shown))
    with pytest.raises(ParamsError, match=r"clean\.normalise\.mode: rows of 3 channels, the base takes 1"):
        inputs.beside_base({"channels": 3, "height": 8, "width": 8}, {"mean": [0.5]}, {"net": {}})


def _other_shape(folder: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    save_file({**stored, "conv1.0.weight": stored["conv1.0.weight"][:4].clone()}, folder / "model.safetensors")


def _other_names(folder: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    save_file({f"backbone.{name}": value for name, value in stored.items()}, folder / "model.safetensors")


def _cut(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-100])


def _no_head(folder: Path) -> None:
    """Weights without a classifier are a base as well; not those that lack more."""
    stored = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in stored.items() if not name.startswith("fc.")}
    save_file(kept, folder / "model.safetensors")
    base_of(folder.parent, name=str(folder))
    save_file({name: value for name, value in kept.items() if "layer4" not in name}, folder / "model.safetensors")


def _no_arch(folder: Path) -> None:
    (folder / "config.json").write_text("{}")


def _other_arch(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architecture": "resnet_18"}))


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_other_shape, r"conv1\.0\.weight is \[4, .*, the net's \["),
        (_other_names, r"conv1\.0\.weight is missing; .*; .* and \d+ more"),
        (_no_head, r"layer4\.0\..* is missing"),
        (_cut, r"no whole file of weights"),
        (_no_arch, r"no folder of timm's form"),
        (_other_arch, r"no net 'resnet_18'; did you mean .*resnet"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_in_a_line(
    tmp_path: Path, break_it: Callable[[Path], None], said: str
) -> None:
    folder = folder_of(tmp_path / "net", ARCH)
    break_it(folder)
    with pytest.raises(DataError, match=said) as caught:
        base_of(tmp_path, name=str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "resnet_50"}, "timm has no net 'resnet_50'; did you mean"),
        ({"name": "./nowhere"}, "no such folder"),
        ({"name": "nowhere.pth", "arch": ARCH}, "no such file"),
        ({"name": "here.pth"}, r"base\.arch: .*does not say of which net"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "here.pth")
    with pytest.raises(DataError, match=said) as caught:
        base_of(tmp_path, **options)
    assert "\n" not in str(caught.value)
