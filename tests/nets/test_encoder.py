import io
from typing import Any

import pytest
import torch

from chainrule.nets import encoder
from chainrule.nets.shared.encoder import Dropout
from chainrule.system.errors import ParamsError

SMALL: dict[str, Any] = {
    "layers": 2,
    "width": 16,
    "heads": 2,
    "feed_forward": 24,
    "max_length": 12,
    "dropout": 0.1,
}
ARCHS = ["bert", "roberta", "distilbert", "electra", "modernbert", "mpnet"]


def _build(arch: str, pad_id: int = 0, **changes: Any) -> encoder.Encoder:
    torch.manual_seed(0)
    return encoder.build(50, pad_id, arch=arch, **SMALL | changes)


def _ids(rows: int, tokens: int) -> torch.Tensor:
    return torch.randint(5, 50, (rows, tokens), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("pad_id", [0, 3])
def test_gives_a_vector_per_token_up_to_max_length(arch: str, pad_id: int) -> None:
    net = _build(arch, pad_id)
    for tokens in (1, 7, 12):
        ids = _ids(3, tokens)
        states = net(ids, torch.ones_like(ids))
        assert states.shape == (3, tokens, net.out_features) == (3, tokens, 16)
        assert states.isfinite().all()


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("pad_id", [0, 3])
def test_padding_does_not_change_real_tokens(arch: str, pad_id: int) -> None:
    net = _build(arch, pad_id).eval()
    ids = _ids(3, 7)
    alone = net(ids, torch.ones_like(ids))
    padded = torch.nn.functional.pad(ids, (0, 5), value=pad_id)
    beside = net(padded, (torch.arange(12) < 7).long().expand(3, -1))
    torch.testing.assert_close(beside[:, :7], alone, rtol=1e-4, atol=1e-5)


def test_dropout_drops_its_share_keeps_the_mean_and_follows_the_seed() -> None:
    dropout = Dropout(0.1)
    ones = torch.ones(301, 333, requires_grad=True)
    torch.manual_seed(3)
    dropped = dropout(ones)
    torch.manual_seed(3)
    assert torch.equal(dropout(ones), dropped)
    assert not torch.equal(dropout(ones), dropped)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.9], rel=1e-4)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.1, abs=0.005)
    assert dropped.mean().item() == pytest.approx(1, abs=0.005)
    # No stripes: four neighbours come from one draw.
    assert [(dropped.flatten()[lane::4] == 0).float().mean().item() for lane in range(4)] == pytest.approx(
        [0.1] * 4, abs=0.008
    )
    dropped.sum().backward()
    assert ones.grad is not None and torch.equal(ones.grad, dropped.detach())
    assert torch.equal(dropout.eval()(ones), ones)


@pytest.mark.parametrize("arch", ARCHS)
def test_every_token_sees_both_ways(arch: str) -> None:
    net = _build(arch).eval()
    ids = _ids(1, 6)
    states = net(ids, torch.ones_like(ids))
    for changed, felt in ((0, 5), (5, 0)):
        other = ids.clone()
        other[0, changed] = 5 if ids[0, changed] != 5 else 6
        assert not torch.allclose(net(other, torch.ones_like(ids))[0, felt], states[0, felt])


@pytest.mark.parametrize("arch", ARCHS)
def test_every_weight_learns_and_the_embeddings_are_the_input_ones(arch: str) -> None:
    net = _build(arch)
    assert net.embeddings.shape == (50, 16)
    ids = _ids(4, 12)
    states = net(ids, torch.ones_like(ids))
    (states * torch.randn(16)).sum().backward()
    # adding one number to every key changes no attention, so a key's bias gets no gradient but noise
    assert [name for name, weight in net.named_parameters() if weight.grad is None] == []
    assert net.embeddings.grad is not None
    used = torch.zeros(50, dtype=torch.bool).index_fill(0, ids.flatten(), True)
    assert torch.equal(net.embeddings.grad.abs().sum(1) > 0, used)


@pytest.mark.parametrize("arch", ["bert", "roberta", "distilbert"])
def test_options_reach_the_configuration(arch: str) -> None:
    net = _build(arch, layers=3, width=32, heads=4, feed_forward=40, dropout=0.25)
    shapes = [tuple(weight.shape) for weight in net.parameters()]
    assert shapes.count((40, 32)) == shapes.count((32, 40)) == 3
    config = net.encoder.config
    assert config.num_attention_heads == 4
    assert {module.p for module in net.modules() if isinstance(module, torch.nn.Dropout)} == {0.25}


def test_same_seed_same_weights() -> None:
    first, second = _build("bert").state_dict(), _build("bert").state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arch": "robberta"}, "'robberta'.*roberta"),
        ({"arch": "bart"}, "'bart' has a decoder"),
        ({"arch": "fnet"}, "'fnet' has no setting for heads"),
        ({"arch": "esm"}, "'esm' lets padded positions change the real ones"),
        ({"arch": "xmod"}, "'xmod' needs a language for every row"),
        ({"arch": "rembert"}, r"'rembert' embeds \(50, 256\)"),
        ({"arch": "bert", "heads": 3}, "width 16 must be a multiple of heads 3"),
    ],
)
def test_a_wrong_option_is_named_with_its_remedy(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        _build(**{"arch": "bert"} | changes)


@pytest.mark.integration
@pytest.mark.parametrize("arch", ["bert", "roberta", "distilbert"])
def test_exports_to_onnx_with_free_batch_and_length(arch: str) -> None:
    import onnxruntime

    net = _build(arch).eval()
    ids = _ids(2, 5)
    batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens", max=12)
    program = torch.onnx.export(
        net, (ids, torch.ones_like(ids)), dynamo=True, external_data=False, verbose=False,
        input_names=["input_ids", "attention_mask"], output_names=["states"],
        dynamic_shapes={"input_ids": {0: batch, 1: tokens}, "attention_mask": {0: batch, 1: tokens}},
    )  # fmt: skip
    assert program is not None
    file = io.BytesIO()
    program.save(file)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    for rows, length in ((1, 1), (1, 12), (5, 2), (3, 9)):
        ids = _ids(rows, length)
        mask = torch.ones_like(ids)
        mask[0, length // 2 + 1 :] = 0
        ids = ids * mask
        (states,) = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
        real = mask.bool()
        torch.testing.assert_close(torch.from_numpy(states)[real], net(ids, mask)[real], rtol=1e-4, atol=1e-5)
