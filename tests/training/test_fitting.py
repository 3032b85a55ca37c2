from typing import Any

import pytest
import torch

from chainrule.system.errors import ParamsError
from chainrule.training import fitting
from chainrule.training.weights import build_net

ENCODER = {"name": "encoder", "layers": 1, "feed_forward": 8, "max_length": 8, "dropout": 0.1}
CNN = {"name": "cnn", "width": 4, "depth": 20, "dropout": 0.5}
RESNET9 = {"name": "resnet9", "width": 2, "dropout": 0.1}
DSDNET = {"name": "dsdnet", "width": 2, "depth": 2, "stages": 6, "stem": 16, "kernel": 31, "dilations": [64, 1]}
DSDNET |= {"expansion": 2, "dropout": 0.1}


def check(net: dict[str, Any], side: int = 32, batch_size: int = 64) -> Any:
    """Check a net with images of that side, or with texts of up to eight tokens; return the net."""
    if net["name"] == "encoder":
        block, facts = (
            {"modality": "text", "net": net},
            {"vocabulary": 50, "pad_id": 0, "unknown_id": 1, "max_length": 8},
        )
    else:
        block, facts = (
            {"modality": "image", "net": net},
            {"channels": 3, "mean": [0.5] * 3, "height": side, "width": side},
        )
    built = build_net(block, facts, seed=0)
    fitting.check(built, block, facts, batch_size)
    return built


@pytest.mark.parametrize(
    ("arch", "side", "says"),
    [
        ("alexnet", 32, "32×32 pixels; it takes 63×63 and larger: set net.size to 63 or more"),
        ("squeezenet1_1", 8, "8×8 pixels; it takes 17×17 and larger: set net.size to 17 or more"),
        ("vit_b_16", 32, "32×32 pixels; it takes 224×224: set net.size to 224"),
        ("vit_b_16", 256, "256×256 pixels; it takes 224×224: set net.size to 224"),
    ],
)
def test_a_size_that_a_net_does_not_take_is_one_line_with_the_remedy(arch: str, side: int, says: str) -> None:
    with pytest.raises(ParamsError) as caught:
        check({"name": "torchvision", "arch": arch, "size": None}, side)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"net torchvision {arch}: does not take images of ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("arch", "side"), [("alexnet", 63), ("squeezenet1_1", 17)])
def test_the_size_that_is_named_is_taken(arch: str, side: int) -> None:
    check({"name": "torchvision", "arch": arch, "size": None}, side)
    check({"name": "torchvision", "arch": arch, "size": side}, 8)


@pytest.mark.parametrize("net", [CNN, RESNET9, DSDNET], ids=lambda net: net["name"])
def test_our_nets_take_images_of_one_pixel_but_not_one_at_a_time(net: dict[str, Any]) -> None:
    check(net, side=1)
    with pytest.raises(ParamsError, match=f"net {net['name']}: .* a batch_size of at least 2 is needed"):
        check(net, side=1, batch_size=1)


@pytest.mark.parametrize(("arch", "width", "heads"), [("modernbert", 6, 2), ("roformer", 6, 2)])
def test_an_encoder_that_builds_and_does_not_run_is_one_line(arch: str, width: int, heads: int) -> None:
    with pytest.raises(ParamsError, match=f"net encoder {arch}: does not work with .* width 6, heads 2") as caught:
        check({**ENCODER, "arch": arch, "width": width, "heads": heads})
    assert "\n" not in str(caught.value)


def test_a_net_that_fits_is_left_as_it_was_and_no_randomness_is_used() -> None:
    block, facts = {"modality": "image", "net": CNN}, {"channels": 3, "mean": [0.5] * 3, "height": 8, "width": 8}
    untouched = build_net(block, facts, seed=0)
    drawn = torch.rand(3)
    checked = check(CNN, side=8)
    assert torch.equal(torch.rand(3), drawn)
    assert checked.training == untouched.training
    for name, tensor in untouched.state_dict().items():
        assert torch.equal(checked.state_dict()[name], tensor), name


def test_a_text_encoder_learns_from_one_row_at_a_time() -> None:
    check({**ENCODER, "arch": "bert", "width": 8, "heads": 2}, batch_size=1)
