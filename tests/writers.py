"""Small models that write, of random weights, as graphs and as whole bundles: a causal one and one with an encoder."""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import Tensor, nn

from chainrule.exporting import bundle, signature, written
from chainrule.serving.decoding import words
from chainrule.serving.parts import text
from chainrule.tasks.field import Field
from chainrule.training import writing
from chainrule.training.writing import Part

LAYERS, HEADS, WIDTH, POSITIONS = 2, 2, 16, 96
LETTERS = " abcdefghijklmnopqrstuvwxyzäé."
PAD, UNKNOWN, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
SPECIAL = (PAD, UNKNOWN, START, END)
VOCABULARY = len(SPECIAL) + len(LETTERS)
PAD_ID, START_ID, END_ID = 0, 2, 3
_MASKED = -1e4
Shape = dict[int, str]


def tokenizer() -> str:
    """Return a tokenizer of single letters, with a start and an end around each text, as JSON."""
    from tokenizers import Regex

    names = {token: place for place, token in enumerate([*SPECIAL, *LETTERS])}
    found = Tokenizer(models.WordLevel(names, unk_token=UNKNOWN))
    found.add_special_tokens(list(SPECIAL))
    found.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    found.decoder = decoders.Fuse()
    ends = [(START, START_ID), (END, END_ID)]
    found.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=ends)
    found.enable_truncation(POSITIONS)
    return str(found.to_str())


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.asking, self.held, self.back = (
            nn.Linear(WIDTH, WIDTH),
            nn.Linear(WIDTH, 2 * WIDTH),
            nn.Linear(WIDTH, WIDTH),
        )

    def pair(self, states: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = (split(each) for each in self.held(states).chunk(2, dim=-1))
        return keys, values

    def forward(self, states: Tensor, keys: Tensor, values: Tensor, hidden: Tensor) -> Tensor:
        likeness = split(self.asking(states)) @ keys.transpose(-2, -1) / math.sqrt(WIDTH // HEADS)
        weights = likeness.masked_fill(hidden, _MASKED).softmax(dim=-1)
        found: Tensor = self.back((weights @ values).transpose(1, 2).flatten(2))
        return found


def normed(states: Tensor) -> Tensor:
    return nn.functional.layer_norm(states, (WIDTH,))


def split(states: Tensor) -> Tensor:
    return states.view(states.shape[0], states.shape[1], HEADS, WIDTH // HEADS).transpose(1, 2)


class Decoder(nn.Module):
    """A decoder graph of the contract; with `sees`, also looks at a source."""

    def __init__(self, sees: bool) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.own = nn.ModuleList(Attention() for _ in range(LAYERS))
        self.cross = nn.ModuleList(Attention() for _ in range(LAYERS * sees))
        self.inner = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, 32), nn.GELU(), nn.Linear(32, WIDTH)) for _ in self.own
        )
        self.out = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **given: Tensor) -> dict[str, Tensor]:
        before = attention_mask.shape[1] - input_ids.shape[1]
        place = (attention_mask.cumsum(dim=1) - 1).clamp(min=0)[:, before:]
        states = self.tokens(input_ids) + self.places(place)
        at = torch.arange(attention_mask.shape[1])
        hidden = (at > at[before:, None])[None, None] | (attention_mask == 0)[:, None, None, :]
        outputs: dict[str, Tensor] = {}
        for layer, (own, inner) in enumerate(zip(self.own, self.inner, strict=True)):
            seen = normed(states)
            keys, values = own.pair(seen)
            keys = torch.cat([given[f"past_key_{layer}"], keys], dim=2)
            values = torch.cat([given[f"past_value_{layer}"], values], dim=2)
            outputs |= {f"present_key_{layer}": keys, f"present_value_{layer}": values}
            states = states + own(seen, keys, values, hidden)
            if len(self.cross):
                unread = (given["encoder_mask"] == 0)[:, None, None, :]
                states = states + self.cross[layer](
                    normed(states), given[f"cross_key_{layer}"], given[f"cross_value_{layer}"], unread
                )
            states = states + inner(normed(states))
        logits = self.out(normed(states))
        if len(self.cross):
            return {"logits": logits, **outputs}
        real = attention_mask[:, before:]
        told = nn.functional.pad((real[:, 1:] * real[:, :-1]).float(), (1, 0))
        cost = -logits[:, :-1].log_softmax(dim=2).gather(2, input_ids[:, 1:, None]).squeeze(2)
        return {"nats": nn.functional.pad(cost, (1, 0)) * told, "logits": logits, **outputs}


class Encoder(nn.Module):
    """An encoder graph of the contract: what each layer of the decoder sees of a source."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.tokens, self.own = nn.Embedding(VOCABULARY, WIDTH), Attention()
        self.cross = decoder.cross

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        states = self.tokens(input_ids)
        hidden = (attention_mask == 0)[:, None, None, :]
        states = normed(states + self.own(states, *self.own.pair(states), hidden))
        outputs: dict[str, Tensor] = {}
        for layer, each in enumerate(self.cross):
            outputs[f"cross_key_{layer}"], outputs[f"cross_value_{layer}"] = each.pair(states)  # type: ignore[operator]
        return outputs


def examples(sees: bool) -> list[dict[str, Tensor]]:
    """Return inputs of a decoder: of whole texts, of a step, of several tokens behind others."""
    found = []
    for seed, (rows, new, past) in enumerate([(2, 5, 3), (1, 7, 0), (3, 1, 6)]):
        draw = torch.Generator().manual_seed(seed)
        ids = torch.randint(4, VOCABULARY, (rows, new), generator=draw)
        mask = torch.ones(rows, past + new, dtype=torch.int64)
        mask[0, : past // 2] = 0
        size = (rows, HEADS, past, WIDTH // HEADS)
        given = {
            f"past_{kind}_{n}": torch.randn(size, generator=draw) for n in range(LAYERS) for kind in ("key", "value")
        }
        if sees:
            seen = (rows, HEADS, 4, WIDTH // HEADS)
            given |= {
                f"cross_{kind}_{n}": torch.randn(seen, generator=draw)
                for n in range(LAYERS)
                for kind in ("key", "value")
            }
            given["encoder_mask"] = torch.ones(rows, 4, dtype=torch.int64)
        found.append({"input_ids": ids, "attention_mask": mask, **given})
    return found


def parts(encoder: bool, seed: int = 3) -> dict[str, Part]:
    """Return the graphs of a model as a task gives them: one that goes on with texts, or one that reads and writes."""
    torch.manual_seed(seed)
    decoder = Decoder(encoder)
    other = Encoder(decoder) if encoder else None
    for module in (decoder, *([other] if other else [])):
        for each in module.parameters():
            nn.init.normal_(each, std=0.6)
    shown = examples(encoder)
    axes: dict[str, Shape] = {"input_ids": {0: "batch", 1: "new"}, "attention_mask": {0: "batch", 1: "seen"}}
    for name in shown[0]:
        if name.startswith("past_"):
            axes[name] = {0: "batch", 2: "past"}
        elif name.startswith("cross_"):
            axes[name] = {0: "batch", 2: "source"}
    if other is None:
        return {"model": (decoder.eval(), shown, axes)}
    axes["encoder_mask"] = {0: "batch", 1: "source"}
    ids = torch.randint(4, VOCABULARY, (2, 6), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[0, 4:] = 0
    source: dict[str, Shape] = {name: {0: "batch", 1: "source"} for name in ("input_ids", "attention_mask")}
    return {
        "model": (other.eval(), [{"input_ids": ids, "attention_mask": mask}], source),
        "decoder": (decoder.eval(), shown, axes),
    }


def decoding(encoder: bool, **defaults: Any) -> dict[str, Any]:
    """Return how such a model writes."""
    return {
        "graph": "decoder" if encoder else "model",
        "start": [START_ID],
        "end": [END_ID],
        "never": [PAD_ID, 1, START_ID],
        "first": None,
        "positions": POSITIONS,
        "defaults": {"max_new_tokens": 24, **defaults},
    }


def about(protos: dict[str, Any], encoder: bool, **more: Any) -> dict[str, Any]:
    """Return the signature of such a model; more: what it has beside, or in place, of that."""
    name = "source" if encoder else "text"
    fields = [Field(name, "text", "input"), Field("translation", "wording", "target")]
    return {
        "version": signature.VERSION,
        "recipe": "writer",
        "task": "translation" if encoder else None,
        "modality": "text",
        "fields": signature.fields(fields),
        **signature.of_writer(protos, decoding(encoder)),
        "target": {"kind": "wording", "characters": 60},
        "padding": {"input_ids": PAD_ID, "attention_mask": 0},
        "preprocessing": {
            name: {
                "normalise": {
                    "lowercase": False, "strip_html": False, "min_characters": 1, "max_characters": 1000, "long": "cut",
                },
                "tokenizer": "tokenizer.json", "max_length": POSITIONS, "pad_id": PAD_ID,
            }
        },
        "primary": {"name": "bleu", "more_is_better": True, "unit": "points"},
        "scores": {},
        **more,
    }  # fmt: skip


def write(folder: Path, encoder: bool, seed: int = 3, **more: Any) -> dict[str, Part]:
    """Write the bundle of such a model and return the model."""
    found = parts(encoder, seed)
    protos = written.traced(found)
    contents = {name: proto.SerializeToString(deterministic=True) for name, proto in protos.items()}
    decoders = {"fp32": contents["decoder"]} if encoder else {}
    bundle.write(
        folder, contents["model"], about(protos, encoder, **more), "# A writer\n", tokenizer(), decoders=decoders
    )
    return found


def writer(encoder: bool, found: dict[str, Part]) -> Any:
    """Return such a model as torch has it."""
    return writing.writer(decoding(encoder), found, tokenizer())


class Face:
    """What a task's service does around such a model."""

    @staticmethod
    def prepare(parts: Any, about: Any, tokenizer: Any, limits: Any) -> Any:
        ((name, content),) = parts.items()
        clean = text.clean(content, about["preprocessing"][name], limits)
        return text.encoded(clean, None, tokenizer, [tensor["name"] for tensor in about["inputs"]])

    @staticmethod
    def answer(outputs: Any, about: Any) -> dict[str, Any]:
        return {"text": words.texts(outputs["text"])[0], "probability": float(np.exp(outputs["score"][0]))}


def shake(folder: Path) -> None:
    """Make another model of a bundle: other weights, and their hash."""
    path = folder / "model.onnx"
    model = onnx.load(path)
    draw = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and array.size > 1:
            new = array + draw.normal(scale=0.3, size=array.shape).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(new, tensor.name))
    path.write_bytes(model.SerializeToString())
    vouch(folder, path.name)


def vouch(folder: Path, name: str) -> None:
    """Write the hash that a changed file of a bundle has now."""
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    new = f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}"
    lines = [new if line.endswith(f"  {name}") else line for line in sums]
    (folder / "SHA256SUMS").write_text("".join(f"{line}\n" for line in lines))
