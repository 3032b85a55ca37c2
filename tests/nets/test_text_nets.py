"""Every net for texts keeps the same contract; what makes each of them what it is, is checked below it."""

import math
from collections.abc import Callable
from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from chainrule.exporting import graph, parity
from chainrule.nets import bag, bilstm, encoder, gpt, text_cnn, vectors
from chainrule.system.errors import ParamsError
from chainrule.tasks.text_classification import model as task

FACTS: dict[str, Any] = {"vocabulary": 50, "pad_id": 0, "unknown_id": 1, "max_length": 12}
TARGET = {"classes": ["a", "b", "c"]}
BUILDERS: dict[str, Callable[[], Any]] = {
    "bag": lambda: bag.build(50, 0, width=6, buckets=40, dropout=0.2),
    "bilstm": lambda: bilstm.build(50, 0, embedding=6, width=5, layers=2, dropout=0.2),
    "encoder": lambda: encoder.build(
        50, 0, arch="bert", layers=2, width=8, heads=2, feed_forward=8, max_length=12, dropout=0.2
    ),
    "gpt": lambda: gpt.build(50, 0, layers=2, width=8, heads=2, max_length=12, dropout=0.2),
    "text_cnn": lambda: text_cnn.build(50, 0, embedding=6, filters=4, widths=[2, 3, 4], dropout=0.2),
    "vectors": lambda: vectors.build(50, 0, width=6),
}
Net = Any


@pytest.fixture(params=BUILDERS)
def net(request: pytest.FixtureRequest) -> Net:
    torch.manual_seed(0)
    return BUILDERS[request.param]()


def ids(rows: int, tokens: int) -> Tensor:
    return torch.randint(5, 50, (rows, tokens), generator=torch.Generator().manual_seed(0))


def model(net: Net) -> Any:
    return task.build(net, FACTS, TARGET)


def test_gives_a_vector_per_token(net: Net) -> None:
    for tokens in (1, 2, 7, 12):
        states = net(ids(3, tokens), torch.ones(3, tokens, dtype=torch.int64))
        assert states.shape == (3, tokens, net.out_features)
        assert states.dtype == torch.float32


def test_every_weight_learns(net: Net) -> None:
    rows = ids(4, 12)
    states = net(rows, torch.ones_like(rows))
    (states * torch.randn(net.out_features)).sum().backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()] == []
    used = torch.zeros(50, dtype=torch.bool).index_fill(0, rows.flatten(), True)
    assert torch.equal(net.embeddings.grad.abs().sum(1) > 0, used)


def test_a_text_is_answered_the_same_however_it_is_padded_and_whatever_stands_beside_it(net: Net) -> None:
    whole = model(net).eval()
    row, long = ids(1, 5), ids(2, 12)
    alone = whole(row, torch.ones_like(row))["logits"]
    beside = torch.cat([nn.functional.pad(row, (0, 7)), long])
    mask = torch.ones_like(beside)
    mask[0, 5:] = 0
    torch.testing.assert_close(whole(beside, mask)["logits"][:1], alone, rtol=1e-4, atol=1e-6)
    strange = beside.where(mask.bool(), 17)  # whatever the padding is made of
    torch.testing.assert_close(whole(strange, mask)["logits"][:1], alone, rtol=1e-4, atol=1e-6)


def test_dropout_acts_in_training_alone(net: Net) -> None:
    if isinstance(net, vectors.Vectors):
        pytest.skip("it drops nothing")
    whole, rows = model(net), ids(2, 6)
    mask = torch.ones_like(rows)
    assert not torch.equal(whole(rows, mask)["logits"], whole(rows, mask)["logits"])
    whole.eval()
    assert torch.equal(whole(rows, mask)["logits"], whole(rows, mask)["logits"])


def test_exports_with_any_batch_and_length(net: Net) -> None:
    whole = model(net).eval()
    example = task.example(FACTS, 2, torch.Generator().manual_seed(0))
    exported = graph.to_onnx(whole, example, task.dynamic_shapes(FACTS))
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    found = parity.at_shapes(whole, session, task, FACTS)
    assert len(found) == 6
    assert all(shape["max_difference"] < 1e-5 for shape in found), found
    one = torch.tensor([[7]])
    (answer,) = session.run(None, {"input_ids": one.numpy(), "attention_mask": torch.ones_like(one).numpy()})
    torch.testing.assert_close(torch.from_numpy(answer), whole(one, torch.ones_like(one))["logits"].detach())


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def agrees_with_differences(block: nn.Module, *inputs: Tensor) -> bool:
    """Whether a block's derivatives by its first input and its weights are those that differences in float64 tell."""
    block = block.double().eval()
    names = [name for name, _ in block.named_parameters()]

    def call(first: Tensor, *weights: Tensor) -> Any:
        given = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(block, given, (first, *inputs[1:]))

    leaves = [inputs[0].double().requires_grad_(), *(p.detach().clone().requires_grad_() for p in block.parameters())]
    return bool(torch.autograd.gradcheck(call, leaves))


# bilstm


def test_bilstm_is_torchs_own_on_packed_rows() -> None:
    torch.manual_seed(0)
    net = bilstm.build(50, 0, embedding=6, width=5, layers=2, dropout=0.0)
    whole = nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True)
    for layer, both in enumerate(net.layers):
        for way, suffix in ((both.forwards, ""), (both.backwards, "_reverse")):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(whole, f"{name}_l{layer}{suffix}").data.copy_(getattr(way, f"{name}_l0"))
    lengths = torch.tensor([3, 7, 1, 5])
    rows, mask = ids(4, 7), (torch.arange(7) < lengths[:, None]).long()
    packed = nn.utils.rnn.pack_padded_sequence(net.tokens(rows), lengths, batch_first=True, enforce_sorted=False)
    expected, _ = nn.utils.rnn.pad_packed_sequence(whole(packed)[0], batch_first=True)
    torch.testing.assert_close(net(rows, mask)[mask.bool()], expected[mask.bool()])


def test_bilstm_has_the_parameters_of_the_formula() -> None:
    net = bilstm.build(1000, 0, embedding=64, width=96, layers=2, dropout=0.0)
    first, second = 8 * 96 * (64 + 96 + 2), 8 * 96 * (2 * 96 + 96 + 2)  # four gates, two ways, two biases
    assert count(net) == 1000 * 64 + first + second


def test_bilstm_block_gradients() -> None:
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    assert agrees_with_differences(bilstm.BothWays(3, 2), torch.randn(2, 4, 3), bilstm.mirrored(mask))


# text_cnn


def test_text_cnn_features_are_the_largest_answers_of_filters_at_windows_of_the_text() -> None:
    torch.manual_seed(0)
    net = text_cnn.build(50, 0, embedding=6, filters=4, widths=[1, 2, 3], dropout=0.0)
    rows = ids(1, 5)
    mask = torch.ones_like(rows)
    features = net.pool(net(rows, mask), mask)[0]
    words = net.tokens(rows)[0]
    found = []
    for width, convolution in zip((1, 2, 3), net.convolutions, strict=True):
        zeros = torch.zeros((width - 1) // 2, 6), torch.zeros(width // 2, 6)
        text = torch.cat([zeros[0], words, zeros[1]])
        windows = torch.stack([text[start : start + width].T.flatten() for start in range(5)])
        answers = windows @ convolution.weight.flatten(1).T + convolution.bias
        found.append(torch.relu(answers).amax(0))
    torch.testing.assert_close(features, torch.cat(found))


def test_text_cnn_has_the_parameters_of_the_formula() -> None:
    # Kim's: 300 features of a word, 100 filters of each width.
    net = text_cnn.build(20_000, 0, embedding=300, filters=100, widths=[3, 4, 5], dropout=0.5)
    assert count(net) == 20_000 * 300 + (3 + 4 + 5) * 300 * 100 + 3 * 100
    assert net.out_features == 300


def test_text_cnn_block_gradients() -> None:
    torch.manual_seed(0)
    net = text_cnn.build(7, 0, embedding=3, filters=2, widths=[2, 3], dropout=0.0).double()
    rows, mask = torch.tensor([[1, 2, 3, 4], [5, 6, 1, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    weights = [p.detach().clone().requires_grad_() for p in net.parameters()]
    names = [name for name, _ in net.named_parameters()]

    def features(*given: Tensor) -> Any:
        states = torch.func.functional_call(net, dict(zip(names, given, strict=True)), (rows, mask))
        return net.pool(states, mask)

    assert torch.autograd.gradcheck(features, weights)


# gpt


def test_gpt_is_transformers_gpt2() -> None:
    from transformers import GPT2Config, GPT2Model

    torch.manual_seed(0)
    net = BUILDERS["gpt"]().eval()
    other = GPT2Model(
        GPT2Config(vocab_size=50, n_positions=12, n_embd=8, n_layer=2, n_head=2, attn_implementation="eager")
    ).eval()
    names = {
        "attention_norm": "ln_1", "attention.looking": "attn.c_attn", "attention.back": "attn.c_proj",
        "norm": "ln_2", "expand": "mlp.c_fc", "contract": "mlp.c_proj",
    }  # fmt: skip
    with torch.no_grad():
        net.tokens.weight.copy_(other.wte.weight)
        net.positions.weight.copy_(other.wpe.weight)
        for block, theirs in zip(net.layers, other.h, strict=True):
            for own, name in names.items():
                module, source = block.get_submodule(own), theirs.get_submodule(name)
                turned = source.weight if "ln" in name else source.weight.T  # its Conv1D keeps matrices turned round
                module.weight.copy_(turned)
                module.bias.copy_(source.bias)
    rows = ids(3, 12)
    mask = torch.ones_like(rows)
    torch.testing.assert_close(net(rows, mask), other(input_ids=rows, attention_mask=mask)[0])


def test_gpt_small_has_as_many_parameters_as_published() -> None:
    with torch.device("meta"):
        net = gpt.build(50_257, 0, layers=12, width=768, heads=12, max_length=1024, dropout=0.1)
    assert count(net) == 124_439_808


def test_gpt_tokens_know_those_before_them_alone() -> None:
    torch.manual_seed(0)
    net = BUILDERS["gpt"]().eval()
    assert net.causal
    rows = ids(1, 8)
    other = rows.clone()
    other[0, 4] = 5 if rows[0, 4] != 5 else 6
    before, after = (net(each, torch.ones_like(rows)) for each in (rows, other))
    assert torch.equal(before[:, :4], after[:, :4])
    assert all(not torch.allclose(before[0, place], after[0, place]) for place in range(4, 8))


def test_gpt_answers_at_the_last_real_token() -> None:
    states, mask = torch.randn(3, 5, 8), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    assert torch.equal(BUILDERS["gpt"]().pool(states, mask), states[torch.arange(3), torch.tensor([4, 1, 0])])


def test_gpt_draws_what_leads_back_smaller() -> None:
    torch.manual_seed(0)
    net = gpt.build(50, 0, layers=8, width=64, heads=2, max_length=12, dropout=0.0)
    block = net.layers[3]
    for matrix, spread in ((block.expand, 0.02), (block.contract, 0.02 / math.sqrt(16))):  # type: ignore[union-attr]
        assert matrix.weight.std().item() == pytest.approx(spread, rel=0.05)  # type: ignore[union-attr]


def test_gpt_block_gradients() -> None:
    torch.manual_seed(0)

    class States(nn.Module):
        """A block that looks at three tokens, without what it keeps of them."""

        def __init__(self) -> None:
            super().__init__()
            self.block = gpt.Block(4, 2, 0.0)

        def forward(self, states: Tensor) -> Tensor:
            return self.block(states, torch.ones(3, 3, dtype=torch.bool).triu(1), None)[0]

    assert agrees_with_differences(States(), torch.randn(2, 3, 4))


def test_gpt_names_heads_that_do_not_fit() -> None:
    with pytest.raises(ParamsError, match="net gpt: width 10 must be a multiple of heads 4"):
        gpt.build(50, 0, layers=1, width=10, heads=4, max_length=8, dropout=0.0)


def test_a_bag_knows_pairs_of_neighbours_and_keeps_what_is_said_once() -> None:
    torch.manual_seed(0)
    net = bag.build(50, 0, width=6, buckets=10_007, dropout=0.0).eval()
    rows = torch.tensor([[7, 8, 9, 0], [9, 8, 7, 0], [7, 8, 9, 7]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1]])
    features = net.pool(net(rows, mask), mask)
    assert not torch.allclose(features[0], features[1])  # the same tokens in another order
    own = net.tokens(rows[0, :3]) + functional.pad(
        net.pairs((rows[0, :2] * 1_000_003 + rows[0, 1:3]) % 10_007), (0, 0, 0, 1)
    )
    assert torch.allclose(features[0], torch.cat([own.mean(dim=0), own.amax(dim=0)]), atol=1e-6)
    nn.init.constant_(net.tokens.weight, -1.0)
    nn.init.zeros_(net.pairs.weight)
    assert torch.equal(net.pool(net(rows, mask), mask), torch.full((3, 12), -1.0))  # padding is no token of zeros
