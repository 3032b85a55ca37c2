"""Models of transformers as a configuration says: what their families call things, and where they differ."""

from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from chainrule.exporting import graph, parity
from chainrule.nets import transformers
from chainrule.nets.shared.encoder import Encoder
from chainrule.system.errors import ParamsError
from chainrule.tasks.text_classification import model as task

FACTS: dict[str, Any] = {"vocabulary": 50, "pad_id": 1, "unknown_id": 3, "max_length": 12}
SMALL = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": {"max_position_embeddings": 12, **SMALL},
    "roberta": {"max_position_embeddings": 14, "pad_token_id": 1, **SMALL},
    "mpnet": {"max_position_embeddings": 14, "pad_token_id": 1, **SMALL},
    "distilbert": {"max_position_embeddings": 12, "dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 12},
    "electra": {"max_position_embeddings": 12, "embedding_size": 6, **SMALL},
    "albert": {"max_position_embeddings": 12, "embedding_size": 6, **SMALL},
    "gpt2": {"n_positions": 12, "n_embd": 8, "n_layer": 2, "n_head": 2},
    "llama": {"max_position_embeddings": 12, "num_key_value_heads": 1, **SMALL},
}
CAUSAL = {"gpt2", "llama"}


def build(family: str, dropout: float | None = None, **changes: Any) -> Encoder:
    torch.manual_seed(0)
    tokens = {"bos_token_id": 0, "eos_token_id": 2}
    config = {"model_type": family, "vocab_size": 50, "dtype": "float16", **tokens, **FAMILIES[family], **changes}
    return transformers.build(50, 1, config=config, dropout=dropout)


def ids(rows: int, tokens: int) -> Tensor:
    return torch.randint(5, 50, (rows, tokens), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("family", FAMILIES)
def test_takes_as_many_tokens_as_it_says_in_float32(family: str) -> None:
    net = build(family)
    assert net.max_length == 12
    states = net(ids(2, 12), torch.ones(2, 12, dtype=torch.int64))
    assert states.shape == (2, 12, net.out_features) == (2, 12, 8)
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}


@pytest.mark.parametrize("family", FAMILIES)
def test_dropout_reaches_every_place_that_drops(family: str) -> None:
    net = build(family, dropout=0.35)
    found = {module.p for module in net.modules() if isinstance(module, nn.Dropout)}
    # llama drops attention weights alone, by no module
    assert found == (set() if family == "llama" else {0.35})
    torch.manual_seed(0)
    rows, mask = ids(2, 12), torch.ones(2, 12, dtype=torch.int64)
    assert not torch.equal(net.train()(rows, mask), net(rows, mask))
    still = build(family, dropout=0.0).train()
    assert torch.equal(still(rows, mask), still(rows, mask))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_causal_one_says_so_and_knows_nothing_behind(family: str) -> None:
    net = build(family).eval()
    assert getattr(net, "causal", False) == (family in CAUSAL)
    rows = ids(1, 8)
    other = rows.clone()
    other[0, 4] = 5 if rows[0, 4] != 5 else 6
    before, after = (net(each, torch.ones_like(rows)) for each in (rows, other))
    assert torch.allclose(before[:, :4], after[:, :4], atol=1e-6) == (family in CAUSAL)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_is_answered_the_same_however_it_is_padded(family: str) -> None:
    whole = task.build(build(family), FACTS, {"classes": ["a", "b", "c"]}).eval()
    row = ids(1, 5)
    beside = torch.cat([nn.functional.pad(row, (0, 7), value=1), ids(2, 12)])
    mask = torch.ones_like(beside)
    mask[0, 5:] = 0
    alone = whole(row, torch.ones_like(row))["logits"]
    torch.testing.assert_close(whole(beside, mask)["logits"][:1], alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", ["roberta", "gpt2"])
def test_exports_with_any_batch_and_length(family: str) -> None:
    whole = task.build(build(family), FACTS, {"classes": ["a", "b", "c"]}).eval()
    example = task.example(FACTS, 2, torch.Generator().manual_seed(0))
    exported = graph.to_onnx(whole, example, task.dynamic_shapes(FACTS))
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    found = parity.at_shapes(whole, session, task, FACTS)
    assert len(found) == 6
    assert all(shape["max_difference"] < 1e-5 for shape in found), found


def test_bert_base_has_as_many_parameters_as_published_without_its_pooler() -> None:
    config = {"model_type": "bert"}
    with torch.device("meta"):
        net = transformers.build(30_522, 0, config=config, dropout=None)
    pooler = 768 * 768 + 768
    assert sum(parameter.numel() for parameter in net.parameters()) == 109_482_240 - pooler


def test_the_second_text_of_a_pair_is_of_the_second_type() -> None:
    from transformers import BertConfig, BertModel

    config = {"model_type": "bert", "vocab_size": 50, **FAMILIES["bert"], "sep_token_id": 3}
    torch.manual_seed(0)
    net = transformers.build(50, 0, config=config, dropout=None).eval()
    theirs = BertModel(
        BertConfig(vocab_size=50, attn_implementation="eager", **FAMILIES["bert"]), add_pooling_layer=False
    ).eval()
    theirs.load_state_dict(net.encoder.state_dict())
    rows = torch.tensor([[2, 7, 8, 3, 9, 10, 3, 0], [2, 7, 8, 9, 3, 0, 0, 0]])
    types = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0]])
    mask = (rows != 0).long()
    expected = theirs(input_ids=rows, attention_mask=mask, token_type_ids=types)[0]
    torch.testing.assert_close(net(rows, mask)[mask.bool()], expected[mask.bool()])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "a base says what it is"),
        ({}, "config.model_type None is not known; did you mean bert or roberta or gpt2?"),
        ({"model_type": "rooberta"}, "'rooberta' is not known; did you mean roberta"),
        ({"model_type": "whisper"}, "whisper writes no text for a text"),
        ({"model_type": "esm"}, "esm lets padded positions change the real ones"),
    ],
)
def test_what_cannot_be_built_is_said_in_a_line(config: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(ParamsError) as caught:
        transformers.build(50, 0, config=config, dropout=None)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
