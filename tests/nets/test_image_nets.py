"""Every image net keeps the same contract; what makes each of them what it is, is checked below it."""

from collections.abc import Callable
from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from chainrule.exporting import graph, parity
from chainrule.nets import cnn, dsdnet, patch_encoder, resnet8, resnet9
from chainrule.nets import timm as timm_net
from chainrule.nets import torchvision as torchvision_net
from chainrule.system.errors import ParamsError
from chainrule.tasks.image_classification import model as task

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


def _patches(channels: int, dropout: float) -> nn.Module:
    """A small encoder of patches; fresh, its last normalisation lets each row of features sum to nothing."""
    net = patch_encoder.build(channels, patch=8, layers=2, width=16, heads=2, dropout=dropout)
    nn.init.uniform_(net.norm.weight, 0.5, 1.5)
    return net


def _torchvision(channels: int, arch: str = "mobilenet_v3_small", size: int | None = None) -> nn.Module:
    return torchvision_net.build(channels, arch=arch, size=size)


def _timm(channels: int, arch: str = "test_resnet", size: int | None = None) -> timm_net.TimmNet:
    return timm_net.build(channels, arch=arch, size=size)


MAPPED: dict[str, Callable[[int], nn.Module]] = {
    "cnn": lambda channels: cnn.build(channels, width=4, depth=4, dropout=0.0),
    "dsdnet": _dsdnet,
    "patch_encoder": lambda channels: _patches(channels, 0.0),
    "resnet8": lambda channels: resnet8.build(channels, width=4, dropout=0.0),
    "resnet9": lambda channels: resnet9.build(channels, width=4, dropout=0.0),
}
BUILDERS = MAPPED | {"timm": _timm, "torchvision": _torchvision}


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


def test_patches_know_their_places() -> None:
    """Rolled by whole patches a picture has the same patches in other places: attention alone could not tell."""
    net = _patches(1, 0.0).eval()
    picture = torch.randn(1, 1, 16, 24)
    assert not torch.allclose(net(picture), net(picture.roll((8, 8), (2, 3))), atol=1e-4)
    places = patch_encoder.places(3, 4, 16)
    assert places.shape == (12, 16) and len(places.unique(dim=0)) == 12
    torch.testing.assert_close(places.square().sum(dim=1), torch.full((12,), 8.0))


def test_dropout_of_patches_acts_in_training_alone() -> None:
    net, images = _patches(1, 0.5), torch.randn(2, 1, 16, 16)
    assert not torch.equal(net(images), net(images))
    net.eval()
    assert torch.equal(net(images), net(images))


@pytest.mark.parametrize("name", ["cnn", "dsdnet", "resnet8", "resnet9"])
def test_dropout_acts_in_training_alone(name: str) -> None:
    net = {
        "cnn": lambda: cnn.build(1, width=4, depth=3, dropout=0.5),
        "dsdnet": lambda: dsdnet.build(1, **DSD | {"dropout": 0.5}),
        "resnet8": lambda: resnet8.build(1, width=4, dropout=0.5),
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
    net = _torchvision(1, arch).eval()
    assert net.out_features == features
    assert net(torch.randn(1, 1, 64, 64)).shape == (1, features)
    assert net.gains_from_bf16 is dense


def test_torchvision_shows_grey_images_three_times() -> None:
    net = _torchvision(1, "resnet18").eval()
    images = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(net(images), net.net(torch.cat([images] * 3, 1)))


def test_torchvision_names_the_nearest_arch() -> None:
    with pytest.raises(ParamsError, match=r"'resnet81'.*resnet18"):
        _torchvision(3, "resnet81")


def test_torchvision_refuses_other_than_grey_or_colour() -> None:
    with pytest.raises(ParamsError, match="4 channels"):
        _torchvision(4, "resnet18")


@pytest.mark.parametrize("net", [_timm, _torchvision], ids=["timm", "torchvision"])
def test_images_are_scaled_inside_the_net(net: Callable[..., nn.Module]) -> None:
    scaling, plain = net(3, size=48).eval(), net(3).eval()
    plain.load_state_dict(scaling.state_dict())
    images = torch.randn(2, 3, 20, 31)
    expected = plain(nn.functional.interpolate(images, (48, 48), mode="bilinear"))
    torch.testing.assert_close(scaling(images), expected)


def test_a_vision_transformer_takes_images_of_any_size_once_they_are_scaled() -> None:
    net = _timm(1, "test_vit", 160).eval()
    assert net(torch.randn(2, 1, 28, 28)).shape == (2, net.out_features)
    assert net.feature_map(torch.randn(2, 1, 28, 28)).shape == (2, net.map_channels, 10, 10)


@pytest.mark.parametrize("arch", ["test_resnet", "test_vit", "mobilenetv3_small_050", "swin_tiny_patch4_window7_224"])
def test_timm_tells_what_comes_out(arch: str) -> None:
    with torch.device("meta"):  # shapes alone
        net, images = _timm(3, arch, 160 if arch == "test_vit" else 224), torch.empty(2, 3, 64, 64)
        assert net(images).shape == (2, net.out_features)
        found = net.feature_maps(images)
    side = net.size or 0
    assert [tuple(maps.shape) for maps in found] == [
        (2, channels, side // stride, side // stride) for channels, stride in net.pyramid
    ]
    assert net.pyramid[-1] == (net.map_channels, net.stride)


def test_timm_names_the_nearest_arch_and_refuses_what_it_cannot_take() -> None:
    with pytest.raises(ParamsError, match=r"no net 'resnet81'; did you mean .*resnet"):
        _timm(3, "resnet81")
    with pytest.raises(ParamsError, match="arch is needed where no base says it"):
        timm_net.build(3, arch=None, size=None)
    with pytest.raises(ParamsError, match="4 channels"):
        _timm(4)


@pytest.mark.parametrize("stages", [1, 3])
def test_dsdnet_gives_a_decoder_the_maps_of_every_stage(stages: int) -> None:
    net = _dsdnet(3, stages=stages, stem=2).eval()
    assert net.pyramid == [(4, 2), (8, 4), (16, 8)][:stages]
    images = torch.randn(2, 3, 30, 45)
    found = net.feature_maps(images)
    assert [tuple(maps.shape) for maps in found] == [
        (2, channels, -(-30 // stride), -(-45 // stride)) for channels, stride in net.pyramid
    ]
    torch.testing.assert_close(found[-1], net.feature_map(images))
    (found[0].square().mean() + found[-1].square().mean()).backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is None] == []


# What is published: parameters with the classifier of 1,000 classes.


def _count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


@pytest.mark.parametrize("build", [_timm, _torchvision], ids=["timm", "torchvision"])
@pytest.mark.parametrize(
    ("arch", "published"),
    [
        ("resnet18", 11_689_512),
        ("resnet50", 25_557_032),
        ("vit_base_patch16_224", 86_567_656),
    ],
)
def test_nets_by_name_have_as_many_parameters_as_published(build: Any, arch: str, published: int) -> None:
    if build is _torchvision:
        arch = arch.replace("vit_base_patch16_224", "vit_b_16")
    with torch.device("meta"):
        net = build(3, arch)
        assert _count(net, nn.Linear(net.out_features, 1000)) == published


def test_dsdnet_blocks_have_the_parameters_of_the_formula() -> None:
    features, kernel, expansion = 24, 5, 3
    block = dsdnet.Block(features, kernel, 2, expansion)
    depthwise, pointwise = kernel**2 * features, 2 * features * features * expansion
    # k²·C weights of places, C·C' of channels there and back; a bias where it is widest, two normalisations.
    assert _count(block) == depthwise + pointwise + features * expansion + 2 * 2 * features


def test_resnet9_has_the_parameters_of_its_eight_convolutions() -> None:
    pairs = [(3, 64), (64, 128), (128, 128), (128, 128), (128, 256), (256, 512), (512, 512), (512, 512)]
    assert _count(resnet9.build(3, width=64, dropout=0.0)) == sum(9 * i * o + 2 * o for i, o in pairs) == 6_568_000


def test_resnet8_has_the_parameters_of_its_nine_convolutions() -> None:
    threes = [(1, 16), (16, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64)]
    ones = [(16, 32), (32, 64)]
    formula = sum(9 * i * o + 2 * o for i, o in threes) + sum(i * o + 2 * o for i, o in ones)
    assert _count(resnet8.build(1, width=16, dropout=0.0)) == formula == 77_104


# Derivatives as differences in float64 tell them.

BLOCKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "cnn": (lambda: cnn.build(1, width=2, depth=2, dropout=0.0), (2, 1, 4, 4)),
    "dsdnet depthwise": (lambda: dsdnet.Depthwise(2, 3, 2), (2, 2, 5, 4)),
    "dsdnet block": (lambda: dsdnet.Block(2, 3, 2, 2), (2, 2, 4, 4)),
    "dsdnet": (lambda: _dsdnet(1, width=2, depth=1, stages=2), (2, 1, 4, 4)),
    "resnet8 block": (lambda: resnet8.Block(2, 3, 2), (2, 2, 5, 4)),
    "resnet8 block of one shape": (lambda: resnet8.Block(2, 2, 1), (2, 2, 3, 3)),
    "resnet9 residual": (lambda: resnet9.Residual(2), (2, 2, 3, 3)),
}


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_are_those_that_differences_tell(name: str, training: bool) -> None:
    build, shape = BLOCKS[name]
    block = build().double().train(training)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            module.momentum = 0.0  # so that asking changes nothing
    names = [name for name, _ in block.named_parameters()]

    def call(images: Tensor, *weights: Tensor) -> Any:
        return torch.func.functional_call(block, dict(zip(names, weights, strict=True)), (images,))

    leaves = [torch.randn(shape).double(), *(weight.detach().clone() for weight in block.parameters())]
    assert torch.autograd.gradcheck(call, [leaf.requires_grad_() for leaf in leaves])


@pytest.mark.parametrize("name", ["dsdnet", "timm vit", "torchvision"])
def test_exports_with_any_batch(name: str) -> None:
    build = {
        **BUILDERS,
        "timm vit": lambda channels: _timm(channels, "test_vit", 160),
        "torchvision": lambda channels: _torchvision(channels, "resnet18", 48),
    }[name]
    facts = {"channels": 1, "height": 14, "width": 12, "mean": [0.4], "std": [0.2]}
    model = task.build(build(1), facts, {"classes": ["a", "b", "c"]}).eval()
    example = task.example(facts, 2, torch.Generator().manual_seed(0))
    exported = graph.to_onnx(model, example, task.dynamic_shapes(facts))
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    found = parity.at_shapes(model, session, task, facts)
    assert len(found) == 3
    assert all(shape["max_difference"] < 1e-4 for shape in found), found
