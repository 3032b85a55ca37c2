"""Learning masks: losses over marked pixels, images and masks distorted together, a decoder on any net's maps."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from chainrule.fields.mask import IGNORED
from chainrule.nets.shared import decoder
from chainrule.system import plugins
from chainrule.system.errors import ParamsError
from chainrule.tasks.segmentation import model as segmentation
from chainrule.training.distortions.chain import Distortions
from chainrule.training.inputs.image import Inputs
from chainrule.training.targets import mask

STAGED = {"width": 4, "depth": 1, "stages": 2, "stem": 2, "kernel": 3, "dilations": [1, 2], "expansion": 2}
FACTS = {"mean": [0.5], "std": [0.25], "channels": 1, "height": 16, "width": 16}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.randn(2, 3, 4, 5, generator=seeded(), requires_grad=True)
    places = torch.randint(0, 3, (2, 4, 5), generator=seeded(1)).to(torch.uint8)
    places[0, 0] = IGNORED
    return logits, places


def loss(**options: Any) -> mask.Loss:
    told = {"smoothing": 0.0, "name": "cross_entropy", "class_weights": "none"} | options
    return mask.loss({"classes": list("abc")}, drawn()[1], **told)


def test_cross_entropy_is_the_mean_over_marked_pixels() -> None:
    logits, places = drawn()
    expected = functional.cross_entropy(logits, places.long(), ignore_index=IGNORED)
    torch.testing.assert_close(loss()({"logits": logits}, places), expected)
    torch.testing.assert_close(loss(name="focal", gamma=0.0)({"logits": logits}, places), expected)
    assert loss(name="focal", gamma=2.0)({"logits": logits}, places) < expected
    nothing = torch.full_like(places, IGNORED)
    for name in ("cross_entropy", "dice"):
        found = loss(name=name)({"logits": logits}, nothing)
        assert found == 0
        found.backward()


def test_dice_of_a_sure_and_right_answer_is_none() -> None:
    _, places = drawn()
    true = functional.one_hot(places.long().clamp(max=2), 3).permute(0, 3, 1, 2).float()
    dice = loss(name="dice", cross_entropy=0.0)
    assert dice({"logits": 50 * true}, places).item() == pytest.approx(0, abs=1e-5)
    # Of even chances: 2 Σ p t / (Σ p + Σ t) with p = 1/3 everywhere.
    counts = torch.tensor([(places == place).sum() for place in range(3)], dtype=torch.float64)
    expected = (1 - 2 * counts / 3 / (counts.sum() / 3 + counts)).mean()
    assert dice({"logits": 0 * true}, places).item() == pytest.approx(expected.item(), abs=1e-6)


def test_balanced_classes_weigh_the_same() -> None:
    places = torch.tensor([[[0, 0, 0, 1], [0, 0, 0, IGNORED]]], dtype=torch.uint8)
    weights = mask.balanced(places, 2)
    assert (6 * weights[0]).item() == pytest.approx(weights[1].item())
    assert ((6 * weights[0] + weights[1]) / 7).item() == pytest.approx(1)


@pytest.mark.parametrize(
    "options",
    [
        {"shift": 3},
        {"flip": True},
        {"vertical_flip": True},
        {"crop": 0.4},
        {"degrees": 40.0},
        {"scale": 0.4},
        {"window": 12},
        {
            "window": 14,
            "shift": 2,
            "flip": True,
            "crop": 0.5,
            "degrees": 20.0,
            "scale": 0.2,
            "colour": 0.1,
            "noise": 0.02,
        },
    ],
    ids=lambda options: "-".join(options),
)
def test_masks_go_where_their_images_go(options: dict[str, Any]) -> None:
    places = torch.zeros(12, 24, 20, dtype=torch.uint8)
    places[:, 5:15, 4:13] = 1
    places[6:, 12:20, 8:18] = 1
    images = (places * 200 + 25)[:, None].expand(-1, 3, -1, -1).contiguous()
    moved, own = Distortions(**options).apply_to_both(images, places[:, None], seeded(1))
    assert own is not None and own.shape == (12, 1, *moved.shape[2:])
    known = own[:, 0] != IGNORED
    agree = (moved[:, 0] > 125)[known] == (own[:, 0] == 1)[known]
    assert agree.float().mean() > 0.94
    assert set(own.unique().tolist()) <= {0, 1, IGNORED}
    # The images are those that come without masks.
    assert torch.equal(moved, Distortions(**options).apply(images, seeded(1)))


def test_what_knows_nothing_of_masks_is_refused() -> None:
    images, places = torch.zeros(4, 16, 16, 1, dtype=torch.uint8), torch.zeros(4, 16, 16, dtype=torch.uint8)
    for options, said in (({"randaugment": 2}, "randaugment"), ({"cutmix": 1.0}, "cutmix")):
        with pytest.raises(ParamsError, match=said):
            Inputs(images, places, {}, **options)
    with pytest.raises(ParamsError, match="window"):
        Inputs(images, torch.zeros(4), {}, window=8)
    batch = Inputs(images, places, {}, window=8).take(torch.arange(3), seeded())
    assert batch["image"].shape == (3, 1, 8, 8) and batch["target"].shape == (3, 8, 8)


@pytest.mark.parametrize("name", ["dsdnet", "dilated", "cnn"])
@pytest.mark.parametrize("size", [(16, 16), (17, 23), (33, 18)])
def test_any_net_with_maps_answers_at_every_pixel_of_any_size(name: str, size: tuple[int, int]) -> None:
    options = {"width": 4, "depth": 2, "dropout": 0.0} if name == "cnn" else {**STAGED, "dropout": 0.0}
    net = plugins.load("nets", name).build(1, **options)
    model = segmentation.build(net, FACTS, {"classes": ["a", "b", "c"]}).eval()
    found = model(image=torch.zeros(2, 1, *size, dtype=torch.uint8))["logits"]
    assert found.shape == (2, 3, *size)
    kept = model.kept({"logits": found})
    assert kept["mask"].dtype == torch.uint8 and kept["sure"].shape == (2, *size)


@pytest.mark.parametrize(
    ("arch", "pyramid"),
    [("lraspp_mobilenet_v3_large", [(40, 8), (128, 16)]), ("deeplabv3_mobilenet_v3_large", [(256, 16)])],
)
def test_segmentation_nets_of_torchvision_show_what_they_classify(arch: str, pyramid: list[tuple[int, int]]) -> None:
    net = plugins.load("nets", "torchvision").build(3, arch=arch, size=None)
    assert net.pyramid == pyramid
    facts = {"mean": [0.5] * 3, "std": [0.25] * 3, "channels": 3, "height": 64, "width": 48}
    model = segmentation.build(net, facts, {"classes": ["a", "b"]}).eval()
    assert model(image=torch.zeros(2, 3, 65, 50, dtype=torch.uint8))["logits"].shape == (2, 2, 65, 50)
    assert model.features(torch.zeros(2, 3, 65, 50, dtype=torch.uint8)).shape == (2, pyramid[-1][0])


def test_a_separable_net_has_a_separable_decoder_and_costs_a_quarter() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    costs = {}
    for name in ("dsdnet", "dilated"):
        net = plugins.load("nets", name).build(1, **{**STAGED, "width": 16, "depth": 2, "stages": 3, "dropout": 0.0})
        model = segmentation.build(net, FACTS, {"classes": ["a", "b"]}).eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(image=torch.zeros(1, 1, 64, 64, dtype=torch.uint8))
        costs[name] = counter.get_total_flops()
    assert costs["dsdnet"] <= costs["dilated"] / 4


def test_what_fills_an_image_up_to_a_multiple_is_cut_off_again() -> None:
    images = torch.ones(1, 2, 33, 64)
    found = decoder.filled(images, 32)
    assert found.shape == (1, 2, 64, 64) and torch.equal(found[:, :, :33], images) and not found[:, :, 33:].any()
    assert decoder.filled(images, 1) is images
    net = plugins.load("nets", "timm").build(3, arch="mobilenetv3_small_050", size=None)
    model = segmentation.build(net, {**FACTS, "mean": [0.5] * 3, "std": [0.25] * 3}, {"classes": ["a", "b"]}).eval()
    assert net.multiple == 32
    assert model(image=torch.zeros(1, 3, 33, 50, dtype=torch.uint8))["logits"].shape == (1, 2, 33, 50)


def test_a_net_without_maps_is_refused() -> None:
    with pytest.raises(ParamsError, match="shows its maps"):
        segmentation.build(torch.nn.Flatten(), FACTS, {"classes": ["a", "b"]})
    assert decoder.pyramid(torch.nn.Flatten()) == []


def test_a_validation_batch_is_bounded_by_pixels() -> None:
    images = torch.zeros(9, 1024, 1024, 1, dtype=torch.uint8)
    order = Inputs(images, None, {}).order(256, None)
    assert [len(index) for index in order] == [2, 2, 2, 2, 1]
    assert np.concatenate(order).tolist() == list(range(9))


def test_a_net_that_pads_as_tensorflow_does_is_the_same_on_multiples() -> None:
    net = plugins.load("nets", "timm").build(3, arch="tf_mobilenetv3_small_minimal_100", size=None).eval()
    images, names = torch.randn(1, 3, 64, 96, generator=seeded()), list(net.state_dict())
    with torch.no_grad():
        before = net.feature_maps(images)
        net.on_multiples()
        for one, other in zip(before, net.feature_maps(images), strict=True):
            assert torch.equal(one, other)
    assert list(net.state_dict()) == names
