"""Every image net keeps the same contract; what makes each of them what it is, is checked below it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from chainrule.nets import cnn, dsdnet, resnet9
from chainrule.nets import torchvision as torchvision_net
from chainrule.system.errors import ParamsError

DSD: dict[str, Any] = {
    "width": 4,
    "depth": 2,
    "stages": 3,
    "stem": 1,
    "kernel": 3,
    "dilations": [1, 2],
    "expansion": 2,
    "dropout": 0.0,
}


def _dsdnet(channels: int, **changes: Any) -> nn.Module:
    """A small DSDNet whose blocks do something: fresh ones are the identity."""
    net = dsdnet.build(channels, **DSD | changes)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return net


MAPPED: dict[str, Callable[[int], nn.Module]] = {
    "cnn": lambda channels: cnn.build(channels, width=4, depth=4, dropout=0.0),
    "dsdnet": _dsdnet,
    "resnet9": lambda channels: resnet9.build(channels, width=4, dropout=0.0),
}
BUILDERS = MAPPED | {"torchvision": lambda channels: torchvision_net.build(channels, arch="mobilenet_v3_small")}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize(
    ("channels", "height", "width"), [(1, 8, 8), (3, 8, 8), (1, 28, 28), (3, 30, 45), (3, 224, 224)]
)
def test_embeds_images_of_any_size(name: str, channels: int, height: int, width: int) -> None:
    net = BUILDERS[name](channels).eval()
    images = torch.randn(2, channels, height, width).requires_grad_()
    embeddings = net(images)
    assert embeddings.shape == (2, net.out_features)
    assert embeddings.dtype == torch.float32
    embeddings.sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (30, 45)])
def test_feature_map_is_the_image_over_the_stride_rounded_up(name: str, height: int, width: int) -> None:
    net = MAPPED[name](1)
    maps = net.feature_map(torch.randn(2, 1, height, width))
    assert maps.shape == (2, net.map_channels, -(-height // net.stride), -(-width // net.stride))


@pytest.mark.parametrize("name", MAPPED)
def test_every_weight_learns(name: str) -> None:
    net = MAPPED[name](1)
    (net(torch.randn(4, 1, 28, 28)) * torch.randn(net.out_features)).sum().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("name", BUILDERS)
def test_an_image_is_embedded_the_same_whatever_stands_beside_it(name: str) -> None:
    net = BUILDERS[name](1).eval()
    images = torch.randn(3, 1, 28, 28)
    torch.testing.assert_close(net(images)[:1], net(images[:1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("stem", [1, 2, 4])
@pytest.mark.parametrize(("height", "width"), [(30, 45), (28, 32)])
def test_dsdnet_stride_follows_stem_and_stages(stem: int, height: int, width: int) -> None:
    net = dsdnet.build(3, **DSD | {"stem": stem, "stages": 2})
    assert net.stride == 2 * stem
    maps = net.feature_map(torch.randn(1, 3, height, width))
    assert maps.shape[2:] == (-(-height // net.stride), -(-width // net.stride))


def _depthwise(net: nn.Module) -> list[nn.Conv2d]:
    return [module for module in net.modules() if isinstance(module, nn.Conv2d) and module.groups > 1]


def test_dsdnet_blocks_are_depthwise_and_take_the_dilations_in_turn() -> None:
    net = dsdnet.build(1, **DSD | {"depth": 3, "stages": 2, "kernel": 5, "dilations": [1, 4]})
    spatial = _depthwise(net)
    assert [module.dilation[0] for module in spatial] == [1, 4, 1, 1, 4, 1]
    assert [module.in_channels for module in spatial] == [4, 4, 4, 8, 8, 8]
    for module in spatial:
        assert module.groups == module.in_channels == module.out_channels
        assert module.kernel_size == (5, 5)


def _reach(dilations: list[int]) -> int:
    """How many pixels from the middle the middle of the feature map still feels, by its gradient."""
    net = _dsdnet(1, depth=len(dilations), stages=1, dilations=dilations).eval()
    images = torch.randn(1, 1, 65, 65).requires_grad_()
    net.feature_map(images)[0, :, 32, 32].sum().backward()
    assert images.grad is not None
    rows = images.grad[0, 0].abs().sum(1).nonzero().flatten()
    return int((rows - 32).abs().max())


@pytest.mark.parametrize("dilations", [[1, 1, 1], [1, 2, 4], [1, 2, 8]])
def test_dsdnet_sees_as_far_as_its_dilations_add_up(dilations: list[int]) -> None:
    assert _reach(dilations) == 1 + sum(dilations)  # the stem is a 3×3 convolution, and so is each depthwise one


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("dilation", [2, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 7), (3, 14)])
def test_dsdnet_convolves_in_training_as_in_use(kernel: int, dilation: int, height: int, width: int) -> None:
    depthwise = dsdnet.Depthwise(6, kernel, dilation)
    maps = torch.randn(2, 6, height, width).requires_grad_()
    outside = torch.randn(2, 6, height, width)
    results = []
    for training in (True, False):
        maps.grad = depthwise.convolution.weight.grad = None
        result = depthwise.train(training)(maps)
        (result * outside).sum().backward()
        results.append((result, maps.grad, depthwise.convolution.weight.grad))
    for trained, used in zip(*results, strict=True):
        torch.testing.assert_close(trained, used, rtol=1e-4, atol=1e-5)


def test_dsdnet_blocks_begin_as_the_identity() -> None:
    block = dsdnet.Block(6, 3, 2, 2)
    maps = torch.randn(2, 6, 8, 8)
    assert torch.equal(block(maps), maps)


@pytest.mark.parametrize("name", ["cnn", "dsdnet", "resnet9"])
def test_dropout_acts_in_training_alone(name: str) -> None:
    net = {
        "cnn": lambda: cnn.build(1, width=4, depth=3, dropout=0.5),
        "dsdnet": lambda: dsdnet.build(1, **DSD | {"dropout": 0.5}),
        "resnet9": lambda: resnet9.build(1, width=4, dropout=0.5),
    }[name]()
    images = torch.randn(8, 1, 16, 16)
    net(images)
    assert (net(images) == 0).any(0).any()
    assert not torch.equal(net(images), net(images))
    net.eval()
    assert torch.equal(net(images), net(images))


@pytest.mark.parametrize(
    ("arch", "features", "dense"),
    [("resnet18", 512, True), ("squeezenet1_1", 512, True), ("convnext_tiny", 768, False)],
)
def test_torchvision_loses_its_last_layer(arch: str, features: int, dense: bool) -> None:
    net = torchvision_net.build(1, arch=arch).eval()
    assert net.out_features == features
    assert net(torch.randn(1, 1, 64, 64)).shape == (1, features)
    assert net.gains_from_bf16 is dense


def test_torchvision_shows_grey_images_three_times() -> None:
    net = torchvision_net.build(1, arch="resnet18").eval()
    images = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(net(images), net.net(torch.cat([images] * 3, 1)))


def test_torchvision_names_the_nearest_arch() -> None:
    with pytest.raises(ParamsError, match=r"'resnet81'.*resnet18"):
        torchvision_net.build(3, arch="resnet81")


def test_torchvision_refuses_other_than_grey_or_colour() -> None:
    with pytest.raises(ParamsError, match="4 channels"):
        torchvision_net.build(4, arch="resnet18")
