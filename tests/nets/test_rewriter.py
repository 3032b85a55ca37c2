"""Models of transformers that read one text and write another: what they write is what their own `generate` writes."""

from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models

from chainrule.nets import transformers as of_transformers
from chainrule.nets.shared.rewriter import Rewriter
from chainrule.serving.decoding import rows
from chainrule.system.errors import ParamsError
from chainrule.training import writing, written

VOCABULARY, PAD, END = 40, 0, 3
SIZES = {
    "vocab_size": VOCABULARY,
    "d_model": 16,
    "pad_token_id": PAD,
    "eos_token_id": END,
    "decoder_start_token_id": PAD,
}
LAYERS = {
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 32,
    "init_std": 0.5,
    "forced_eos_token_id": None,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "bart": {**SIZES, **LAYERS, "bos_token_id": 2, "decoder_start_token_id": END},
    "marian": {**SIZES, **LAYERS, "scale_embedding": False},
    "t5": {**SIZES, "d_kv": 8, "num_heads": 2, "num_layers": 2, "d_ff": 32, "initializer_factor": 3.0},
}


def facts() -> dict[str, Any]:
    tokenizer = Tokenizer(models.WordLevel({str(place): place for place in range(VOCABULARY)}, unk_token="1"))
    return {
        "vocabulary": VOCABULARY,
        "max_length": 32,
        "pad_id": PAD,
        "end_id": END,
        "special_ids": [PAD],
        "tokenizer": tokenizer.to_str(),
    }


@pytest.fixture(params=FAMILIES)
def net(request: pytest.FixtureRequest) -> Rewriter:
    torch.manual_seed(1)
    found = of_transformers.build(
        VOCABULARY, PAD, config={"model_type": request.param, **FAMILIES[request.param]}, dropout=0
    )
    assert isinstance(found, Rewriter)
    return found.eval()


@torch.no_grad()
def test_step_by_step_in_a_batch_it_writes_what_generate_writes_alone(net: Rewriter) -> None:
    model = written.Rewriter(net, facts(), {"characters": 100}).eval()
    ids = torch.randint(4, VOCABULARY, (3, 6), generator=torch.Generator().manual_seed(2))
    mask = torch.ones_like(ids)
    mask[0, 4:] = 0
    ids = ids.where(mask.bool(), PAD)
    block = {**written.decoding(model.known), "never": [], "defaults": {"max_new_tokens": 12}}
    writer = writing.writer(block, written.graphs(model, model.known), facts()["tokenizer"])
    found = rows.generated(writer)({"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
    for row, (own, real) in enumerate(zip(ids, mask, strict=True)):
        alone = net.model.generate(
            input_ids=own[None, : int(real.sum())], max_new_tokens=12, do_sample=False, num_beams=1
        )[0, 1:]
        length = int(found["length"][row])
        np.testing.assert_array_equal(found["tokens"][row, :length], alone[:length].numpy())


@torch.no_grad()
def test_tokens_padded_in_front_stand_where_they_stood(net: Rewriter) -> None:
    ids, read = torch.tensor([[5, 6, 7, 8]]), torch.tensor([[9, 10, 11]])
    mask, ones = torch.tensor([[0, 0, 1, 1, 1, 1]]), torch.ones_like(ids)
    held = net.read(net(read, torch.ones_like(read)))
    alone = net.write(ids, ones, None, held, torch.ones_like(read))
    beside = net.write(torch.tensor([[7, 7, 5, 6, 7, 8]]), mask, None, held, torch.ones_like(read))
    torch.testing.assert_close(beside[0][:, 2:], alone[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(alone[2].sum(dim=-1), torch.ones(1, 4))


def test_what_tells_something_of_a_text_is_no_place_for_it(net: Rewriter) -> None:
    from chainrule.training.bodies.text import Model
    from chainrule.training.targets import label

    with pytest.raises(ParamsError, match="it writes texts, and here something is told of them"):
        Model(net, label, {}, {"classes": ["a", "b"]})
