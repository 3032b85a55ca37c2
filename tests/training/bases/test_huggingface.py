"""Bases from folders of the Hugging Face hub's form: real ones, and tiny ones written by transformers here."""

import json
import os
import pickle
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM, BertModel, GPT2Config, GPT2Model

from base_project import fetched
from chainrule.system.errors import DataError
from chainrule.tasks.text_pair_classification.model import Pair
from chainrule.training import start, weights
from chainrule.training.inputs import text as inputs

TEXTS = ["a man eats rice", "the dogs run, and run", "rice"]
WORDS = sorted({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ",", *" ".join(TEXTS).replace(",", "").split()})


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """A folder as `save_pretrained` leaves it: a BERT of two layers with the head that pretraining gave it."""
    folder = tmp_path / "bert"
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    pad = WORDS.index("[PAD]")
    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=24, pad_token_id=pad, **sizes)
    BertForMaskedLM(config).half().save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "model_max_length": 20})
    )
    return folder


def base_of(root: Path, folder: Path) -> start.Base:
    return start.read(fetched(root, "text", {"from": "huggingface", "name": str(folder), "revision": None}))


def states(base: start.Base, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor, dict[str, Any]]:
    """Return what the base's net makes of texts, as the chain builds and feeds it, the mask, and the facts."""
    assert base.net is not None
    facts = inputs.fit_facts([texts], {"vocabulary": 100, "max_length": 128}, base.inputs)
    net = weights.build_net({"modality": "text", "net": {"dropout": None, **base.net}}, facts, seed=1)
    base.load(net)
    taken = inputs.of_fields([texts], None, facts).take(torch.arange(len(texts)), None)
    with torch.no_grad():
        return net.eval()(taken["input_ids"], taken["attention_mask"]), taken["attention_mask"], facts


def transformers_states(folder: Path, texts: list[str], tokenizer: Any = None) -> torch.Tensor:
    tokenizer = tokenizer or AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        found: torch.Tensor = AutoModel.from_pretrained(folder, dtype=torch.float32)(**encoded)[0]
    return found * encoded["attention_mask"].unsqueeze(-1)


def difference(ours: torch.Tensor, mask: torch.Tensor, theirs: torch.Tensor) -> float:
    length = theirs.shape[1]
    return float(((ours * mask.unsqueeze(-1))[:, :length] - theirs).abs().max())


@pytest.mark.skipif("CHAINRULE_REAL_MODELS" not in os.environ, reason="CHAINRULE_REAL_MODELS names no directory")
def test_a_real_sentence_encoder_answers_as_transformers_lets_it(tmp_path: Path) -> None:
    folder = Path(os.environ["CHAINRULE_REAL_MODELS"]) / "minilm-l6"
    base = base_of(tmp_path, folder)
    sentences = ["A man is eating food.", "The girl is carrying a baby — quickly!", "naïve café", "x"]
    ours, mask, facts = states(base, sentences)
    assert ours.dtype == torch.float32
    assert difference(ours, mask, transformers_states(folder, sentences)) < 1e-5
    card = base.card
    assert (card["licence"], card["from"], facts["max_length"]) == ("apache-2.0", "huggingface", 128)
    assert card["files"]["model.safetensors"] == "5ba0032aefec27c763b2d9c8912eeec19529d4efdab9a71a9756e8056ba8f2e0"
    stored = load_file(base.folder / start.WEIGHTS)
    assert {tensor.dtype for tensor in stored.values() if tensor.is_floating_point()} == {torch.float16}


def test_the_second_text_of_a_pair_is_of_the_type_that_the_base_learnt(bert: Path, tmp_path: Path) -> None:
    base = base_of(tmp_path, bert)
    assert base.net is not None
    facts = inputs.fit_facts([TEXTS], {"vocabulary": 100, "max_length": 128}, base.inputs)
    net = weights.build_net({"modality": "text", "net": {"dropout": None, **base.net}}, facts, seed=1)
    base.load(net)
    taken = inputs.of_fields([TEXTS[:2], TEXTS[1:]], None, facts).take(torch.arange(2), None)
    ours = net.eval()(taken["input_ids"], taken["attention_mask"]).detach()
    encoded = AutoTokenizer.from_pretrained(bert)(TEXTS[:2], TEXTS[1:], padding=True, return_tensors="pt")
    assert encoded["token_type_ids"].any()
    with torch.no_grad():
        theirs = AutoModel.from_pretrained(bert, dtype=torch.float32)(**encoded)[0]
    assert difference(ours, taken["attention_mask"], theirs * encoded["attention_mask"].unsqueeze(-1)) < 1e-6


def test_what_comes_back_is_the_model_with_its_tokenizer(bert: Path, tmp_path: Path) -> None:
    base = base_of(tmp_path, bert)
    ours, mask, facts = states(base, TEXTS)
    assert ours.dtype == torch.float32, "what is stored in half precision is not computed in it"
    assert difference(ours, mask, transformers_states(bert, TEXTS)) < 1e-6
    named = {"pad_id": "[PAD]", "unknown_id": "[UNK]", "end_id": "[SEP]", "mask_id": "[MASK]"}
    assert {role: WORDS[facts[role]] for role in named} == named
    assert facts["max_length"] == 20, "as the tokenizer says, and no more than there are positions"
    assert [WORDS[number] for number in facts["special_ids"]] == ["[CLS]", "[MASK]", "[PAD]", "[SEP]", "[UNK]"]


def test_after_fetch_the_source_may_be_gone_and_nothing_asks_a_network(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = base_of(tmp_path, bert)
    before, _, _ = states(base, TEXTS)
    shutil.rmtree(bert)

    def refused(*arguments: Any) -> Any:
        raise AssertionError(f"asks {arguments}")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert torch.equal(states(start.read(base.folder), TEXTS)[0], before)


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def sharded(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    BertForMaskedLM.from_pretrained(folder.parent / "whole").save_pretrained(folder, max_shard_size="5KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1


def without_head(folder: Path) -> None:
    """The names of `BertModel` alone, as sentence encoders have them, without the prefix of a model with a head."""
    BertModel.from_pretrained(folder.parent / "whole").save_pretrained(folder)


@pytest.mark.parametrize("change", [pickled, sharded, without_head])
def test_the_same_weights_in_other_files_are_the_same_base(
    bert: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    shutil.copytree(bert, tmp_path / "whole")
    whole, _, _ = states(base_of(tmp_path / "one", bert), TEXTS)
    change(bert)
    assert torch.equal(states(base_of(tmp_path / "two", bert), TEXTS)[0], whole)


def test_a_decoders_tokenizer_gets_an_end_and_pads_with_it(tmp_path: Path) -> None:
    from tokenizers import models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    end = "<|endoftext|>"
    trainer = trainers.BpeTrainer(vocab_size=270, special_tokens=[end], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    folder = tmp_path / "gpt"
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=tokenizer.get_vocab_size(), eos_token_id=0, bos_token_id=0, **sizes)
    GPT2Model(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": end}))
    base = base_of(tmp_path, folder)
    assert base.inputs is not None
    expected = {"pad_id": 0, "end_id": 0, "mask_id": 0, "max_length": 32}
    assert {name: base.inputs[name] for name in expected} == expected
    own = Tokenizer.from_str(base.inputs["tokenizer"])
    assert "".join(own.encode("rice", "run").tokens) == f"rice{end}run{end}"
    ours, mask, _ = states(base, TEXTS)
    with torch.no_grad():
        encoded = torch.tensor([own.encode(TEXTS[0]).ids])
        theirs = GPT2Model.from_pretrained(folder, dtype=torch.float32)(encoded)[0]
    assert difference(ours[:1], mask[:1], theirs) < 1e-5


def test_weights_of_another_model_are_refused_by_name(bert: Path, tmp_path: Path) -> None:
    stored = load_file(bert / "model.safetensors")
    save_file({f"student.{name}": tensor for name, tensor in stored.items()}, bert / "model.safetensors")
    with pytest.raises(
        DataError, match=r"base\.name: .*embeddings\.LayerNorm\.bias is missing; .* and \d+ more.*student\."
    ):
        base_of(tmp_path, bert)
    wide = {name: torch.cat([tensor, tensor]) if "word_emb" in name else tensor for name, tensor in stored.items()}
    save_file(wide, bert / "model.safetensors")
    with pytest.raises(DataError, match=rf"word_embeddings\.weight is \[{2 * len(WORDS)}, 16\], the net's "):
        base_of(tmp_path, bert)


class Malicious:
    """What runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(bert: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    torch.save({"weights": Malicious(mark)}, bert / "pytorch_model.bin")
    (bert / "model.safetensors").unlink()
    with pytest.raises(DataError, match="could run anything, and is not read"):
        base_of(tmp_path, bert)
    assert not mark.exists()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(bert / "pytorch_model.bin", weights_only=True)
    torch.load(bert / "pytorch_model.bin", weights_only=False)
    assert mark.exists(), "it does run something where it is read"


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_cut_file_is_one_line(bert: Path, tmp_path: Path, name: str) -> None:
    if name != "model.safetensors":
        pickled(bert)
    whole = (bert / name).read_bytes()
    (bert / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=rf"{name}: no whole file of weights \(.*\); bring it again") as caught:
        base_of(tmp_path, bert)
    assert "\n" not in str(caught.value)


def test_a_base_that_was_altered_after_it_was_fetched_is_not_loaded(bert: Path, tmp_path: Path) -> None:
    base = base_of(tmp_path, bert)
    path = base.folder / start.WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is not the file that was fetched.*dvc repro -f fetch@mine"):
        states(base, TEXTS)


def _other_vocabulary(folder: Path) -> None:
    (folder / "vocab.txt").write_text("\n".join([*WORDS, "more"]) + "\n")


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _torn_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def _strange_model(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "nobody"}))


def _no_tokenizer(folder: Path) -> None:
    (folder / "vocab.txt").unlink()
    (folder / "tokenizer_config.json").unlink()


def _no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_other_vocabulary, "tokenizer numbers tokens up to"),
        (_no_config, "has no config.json"),
        (_torn_config, "not JSON"),
        (_strange_model, "model_type 'nobody'"),
        (_no_tokenizer, "no tokenizer that can be read"),
        (_no_weights, "no weights; model.safetensors is needed"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_in_a_line(
    bert: Path, tmp_path: Path, break_it: Callable[[Path], None], said: str
) -> None:
    break_it(bert)
    with pytest.raises(DataError, match=said) as caught:
        base_of(tmp_path, bert)
    assert "\n" not in str(caught.value)


def test_of_a_pair_the_second_text_is_of_the_second_type(bert: Path, tmp_path: Path) -> None:
    """The tokens of BERT's two sides are told apart by an embedding, in training and in what is exported alike."""
    base = base_of(tmp_path, bert)
    assert base.net is not None
    pair = (["a man eats rice", "rice"], ["the dogs run", "a man, a man"])
    facts = inputs.fit_facts(list(pair), {"vocabulary": 100, "max_length": 128}, base.inputs)
    net = weights.build_net({"modality": "text", "net": {"dropout": None, **base.net}}, facts, seed=1)
    base.load(net)
    taken = inputs.of_fields(list(pair), None, facts).take(torch.arange(2), None)
    with torch.no_grad():
        ours = net.eval()(taken["input_ids"], taken["attention_mask"])
        encoded = AutoTokenizer.from_pretrained(bert)(*pair, padding=True, return_tensors="pt")
        assert encoded["token_type_ids"].any()
        theirs = AutoModel.from_pretrained(bert, dtype=torch.float32)(**encoded)[0]
    theirs = theirs * encoded["attention_mask"].unsqueeze(-1)
    assert difference(ours, taken["attention_mask"], theirs) < 1e-6


def test_two_ends_between_texts_are_one(tmp_path: Path) -> None:
    """As RoBERTa has it: <s> a </s></s> b </s>."""
    facts = {"special_ids": [0, 1, 2], "end_id": 2}

    class Net(torch.nn.Module):
        out_features = 4

    model = Pair(Net(), facts, {"classes": ["a", "b"]})
    ids = torch.tensor([[0, 5, 6, 2, 2, 7, 2, 1], [0, 5, 2, 7, 8, 2, 1, 1]])
    first, second = model.sides(ids, (ids != 1).long())
    assert first.nonzero().tolist() == [[0, 1], [0, 2], [1, 1]]
    assert second.nonzero().tolist() == [[0, 5], [1, 3], [1, 4]]
