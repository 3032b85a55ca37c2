"""Attention as it is seen from outside: it sums to one, it is what the net computes, and the net is left as it was."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from chainrule.evaluation.parts import NotShownError
from chainrule.examination import attention, transformer
from chainrule.examination.looked import Looked
from chainrule.nets import bilstm, encoder, gpt
from chainrule.nets.timm import TimmNet
from chainrule.nets.torchvision import TorchvisionNet
from chainrule.training.inputs import text
from looked_at import Given, of_images, of_texts

TEXTS = ["a good film", "a bad film indeed", "good", "bad", "a film", "indeed a good one"]
LABELS = ["good", "bad", "good", "bad", "bad", "good"]
FACTS = text.fit_facts([TEXTS], {"vocabulary": 60, "max_length": 16})
SIZES = {"layers": 2, "width": 16, "heads": 2, "max_length": 16, "dropout": 0.1}


def of_encoder(arch: str = "bert", **settings: Any) -> Looked:
    torch.manual_seed(1)
    net = encoder.build(FACTS["vocabulary"], FACTS["pad_id"], arch=arch, feed_forward=32, **SIZES)  # type: ignore[arg-type]
    return of_texts(net, FACTS, TEXTS, LABELS, settings)


def of_gpt(**settings: Any) -> Looked:
    torch.manual_seed(1)
    net = gpt.build(FACTS["vocabulary"], FACTS["pad_id"], **SIZES)  # type: ignore[arg-type]
    return of_texts(net, FACTS, TEXTS, LABELS, settings, "gpt")


def batch(looked: Looked, row: int = 1) -> dict[str, torch.Tensor]:
    return looked.inputs.take(torch.tensor([row]), None)


@pytest.mark.parametrize("arch", ["bert", "roberta", "distilbert", "electra", "modernbert"])
def test_a_line_sums_to_one_in_every_family_and_the_net_is_left_as_it_was(arch: str) -> None:
    looked = of_encoder(arch)
    before = {name: value.clone() for name, value in looked.model.state_dict().items()}
    given = batch(looked)
    found = transformer.attention(looked, given)
    length = given["input_ids"].shape[1]
    assert [weights.shape for weights in found] == [(2, length, length)] * 2
    assert np.allclose(np.stack(found).sum(-1), 1, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in looked.model.state_dict().items())
    real = int(given["attention_mask"].sum())
    assert np.abs(found[0][:, :real, real:]).max(initial=0) < 1e-6  # none goes to padding


def test_fused_attention_is_asked_in_a_copy() -> None:
    looked = of_encoder()
    plain = transformer.attention(looked, batch(looked))
    inner: Any = looked.model.get_submodule("net.encoder")
    inner.set_attn_implementation("sdpa")
    fused = transformer.attention(looked, batch(looked))
    assert len(fused) == 2
    assert all(np.allclose(ours, theirs, atol=1e-6) for ours, theirs in zip(plain, fused, strict=True))
    # What is in the model is as fused as before: it says nothing of its weights.
    answer = inner(input_ids=batch(looked)["input_ids"], output_attentions=True)
    assert not answer.attentions or all(weights is None for weights in answer.attentions)


def test_a_decoder_of_our_own_shows_what_it_computes() -> None:
    looked = of_gpt()
    given = batch(looked)
    found = transformer.attention(looked, given)
    net: Any = looked.model.net
    states = net.tokens(given["input_ids"]) + net.positions(torch.arange(given["input_ids"].shape[1]))
    block = net.layers[0]
    queries, keys, _ = block.attention.looking(block.attention_norm(states)).view(1, -1, 3, 2, 8).unbind(2)
    scores = torch.einsum("bthd,bshd->bhts", queries, keys) / math.sqrt(8)
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    real = given["attention_mask"][0] == 1  # where others are not, nothing is meant
    expected = scores.masked_fill(later | ~real, -math.inf).softmax(-1)[0].detach().numpy()
    assert len(found) == 2
    assert np.allclose(found[0][:, real], expected[:, real], atol=1e-5)
    assert np.allclose(np.stack(found).sum(-1), 1, atol=1e-5)


def test_what_heads_look_at() -> None:
    before, behind = np.eye(5, k=-1), np.eye(5, k=1)
    before[0, 0] = behind[4, 4] = 1
    mark = np.zeros((5, 5))
    mark[:, 4] = 1
    weights = np.stack([np.eye(5), before, behind, np.full((5, 5), 0.2), mark])
    marks = np.array([False, False, False, False, True])
    bits, itself, last, following, at_marks = attention.habits(weights, marks).T
    assert np.allclose(bits, [0, 0, 0, math.log2(5), 0])
    assert np.allclose(itself, [1, 0.2, 0.2, 0.2, 0.2])
    assert np.allclose(last, [0, 1, 0, 0.2, 0])
    assert np.allclose(following, [0, 0, 1, 0.2, 0.25])
    assert np.allclose(at_marks, [0.2, 0, 0.4, 0.2, 1])


def test_the_part_shows_tokens_heads_and_habits() -> None:
    part = attention.part(of_encoder(layer=1))
    assert part is not None
    assert part.numbers["layers"] == part.numbers["heads"] == 2
    assert part.numbers["layer"] == 1
    assert len(part.numbers["habits"]) == 4
    assert "[CLS]" in part.body
    assert 'alt="layer 2, head 2"' in part.body
    assert "Layer 1, the mean of its 2 heads" in part.body
    causal = attention.part(of_gpt())
    assert causal is not None
    assert all(habit["the token behind"] == 0 for habit in causal.numbers["habits"])


def test_a_layer_that_is_not_there_is_a_line() -> None:
    with pytest.raises(NotShownError, match=r"evaluate.examine.layer is 3, and the net has 2 layers"):
        attention.part(of_encoder(layer=3))


def test_nets_without_attention_have_no_such_part() -> None:
    net = bilstm.build(FACTS["vocabulary"], FACTS["pad_id"], embedding=8, width=8, layers=1, dropout=0.0)
    assert attention.part(of_texts(net, FACTS, TEXTS, LABELS, None, "bilstm")) is None
    levels = np.arange(40, dtype=np.uint8).reshape(10, 2, 2, 1)
    assert attention.part(of_images(Given(4), levels, ["a", "b"] * 5)) is None


def of_vision(kind: str) -> nn.Module:
    torch.manual_seed(0)
    if kind == "timm":
        from timm.models.vision_transformer import VisionTransformer

        return TimmNet(VisionTransformer(32, 8, embed_dim=16, depth=2, num_heads=2, num_classes=0), 32)
    from torchvision.models.vision_transformer import VisionTransformer as Theirs

    net = Theirs(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32)
    net.heads = nn.Identity()
    return TorchvisionNet(net, 16, 32)


@pytest.mark.parametrize("kind", ["timm", "torchvision"])
def test_transformers_of_images_show_where_the_class_token_looks(kind: str) -> None:
    images = np.random.default_rng(0).integers(0, 255, (6, 16, 16, 3), dtype=np.uint8)
    looked = of_images(of_vision(kind), images, ["a", "b"] * 3, name=kind)
    answer = looked.outputs["logits"]
    found = transformer.attention(looked, batch(looked))
    assert [weights.shape for weights in found] == [(2, 17, 17)] * 2
    assert np.allclose(np.stack(found).sum(-1), 1, atol=1e-5)
    part = attention.part(looked)
    assert part is not None
    assert "class token looks in layer 2" in part.body
    with torch.no_grad():
        again = looked.model(image=looked.inputs.take(torch.arange(6), None)["image"])["logits"].numpy()
    assert np.allclose(answer, again, atol=1e-6)
    fused = [module for module in looked.model.modules() if hasattr(module, "fused_attn")]
    assert all(module.fused_attn for module in fused)


def test_windows_are_no_attention_of_a_row() -> None:
    from timm.models.swin_transformer import SwinTransformer

    net = SwinTransformer(32, 2, embed_dim=8, depths=(1, 1), num_heads=(1, 2), window_size=8, num_classes=0)
    images = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), dtype=np.uint8)
    looked = of_images(TimmNet(net, 32), images, ["a", "b"] * 2, name="timm")
    assert transformer.attention(looked, batch(looked)) == []
    assert attention.part(looked) is None
