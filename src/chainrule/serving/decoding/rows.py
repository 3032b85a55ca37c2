"""What a model that writes says of rows: texts that it makes, or what given texts cost to tell.

As a run, inputs of rows in and named outputs out, like that of any other model's graph, so that scores, parity, gates,
comparisons and files of rows need to know of one thing only.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.serving.decoding import decode, rules, words
from chainrule.serving.decoding.caches import Arrays, empty
from chainrule.serving.decoding.search import Found
from chainrule.serving.decoding.settings import Settings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Run = Callable[[Arrays], Arrays]
Maker = Callable[[Sequence[str] | None], Run]
"""What runs a graph, for the names of the outputs that are wanted; None: all."""
MODEL, DECODER = "model", "decoder"
TOKENS = 8192
"""Tokens of texts that are scored at once."""
OUTPUTS = (
    ("text", "STRING", ["batch"]),
    ("tokens", "INT64", ["batch", "tokens"]),
    ("logprobs", "FLOAT", ["batch", "tokens"]),
    ("length", "INT64", ["batch"]),
    ("score", "FLOAT", ["batch"]),
)
"""What a server answers of a model that writes, as a signature has it: see `as_outputs`."""


class Writer(NamedTuple):
    """A model that writes, whatever runs its graphs."""

    decoder: Maker
    encoder: Run | None
    """None of a causal model."""
    inputs: tuple[str, ...]
    """Of the decoder graph."""
    outputs: tuple[str, ...]
    shapes: Mapping[str, tuple[int, int]]
    """Heads and their width of the `past_` inputs."""
    rules: rules.Rules
    tokenizer: "Tokenizer"

    @property
    def positions(self) -> bool:
        """Whether positions are to be told."""
        return "position_ids" in self.inputs

    def step(self, keeps: Iterable[str] = ()) -> Run:
        """Return what makes a step, and gives further outputs."""
        return self.decoder(
            [name for name in self.outputs if name == "logits" or name.startswith("present_")] + [*keeps]
        )


def writer(
    block: Mapping[str, Any],
    graphs: Mapping[str, Mapping[str, Any]],
    makers: Mapping[str, Maker],
    tokenizer: "Tokenizer",
) -> Writer:
    """Return a model that writes.

    block, graphs: `decoding` and `graphs` of its signature; makers: what runs each graph.
    """
    name = block["graph"]
    inputs, outputs = (graphs[name][which] for which in ("inputs", "outputs"))
    return Writer(
        makers[name],
        makers[MODEL](None) if name == DECODER else None,
        tuple(tensor["name"] for tensor in inputs),
        tuple(tensor["name"] for tensor in outputs),
        decode.cache_shapes(inputs),
        rules.of_signature(block),
        tokenizer,
    )


def begun(writer: Writer, inputs: Mapping[str, np.ndarray]) -> list[tuple[list[int], Arrays]]:
    """Return of each row the tokens that a text begins with, and what stays the same for the decoder.

    inputs: input_ids and attention_mask, int64 [B, T]. Of a causal model they are the beginning, from which an end is
    taken off; of sequence to sequence the source, which is read here.
    """
    mask = inputs["attention_mask"]
    if writer.encoder is not None:
        encoded = writer.encoder(dict(inputs))
        return [([], source) for source in decode.sources(encoded, mask)]
    found: list[tuple[list[int], Arrays]] = []
    for ids, real in zip(inputs["input_ids"], mask.astype(bool), strict=True):
        prompt = ids[real].tolist()
        found.append((prompt[:-1] if prompt and prompt[-1] in writer.rules.end else prompt, {}))
    return found


def generated(writer: Writer, settings: Settings | None = None, **engine: Any) -> Run:
    """Return what writes a text for each row; settings: None for the model's own; engine: see `engine.Engine`."""
    step = writer.step()

    def run(inputs: Arrays) -> Arrays:
        prompts, sources = zip(*begun(writer, inputs), strict=True)
        found, _ = decode.decode(
            step, writer.shapes, prompts, sources, writer.rules, settings, positions=writer.positions, **engine
        )
        return as_outputs(found, writer.tokenizer)

    return run


def as_outputs(found: Sequence[Found], tokenizer: "Tokenizer") -> Arrays:
    """Return texts as named outputs, whose unlike lengths are filled up with zeros.

    text int32 [N, L], code points; tokens int64 and logprobs float32 [N, T]; length int64 [N], of the tokens; score
    float32 [N], the mean of the logprobs.
    """
    outputs = decode.outputs(found)
    means = [float(np.mean(each.logprobs)) if each.logprobs else 0.0 for each in found]
    texts = words.codes([words.text(tokenizer, each.tokens) for each in found])
    return {"text": texts, **outputs, "score": np.array(means, np.float32)}


def scored(writer: Writer) -> Run:
    """Return what says how well a causal model tells given texts: what its graph gives beside logits and caches."""
    names = [name for name in writer.outputs if name != "logits" and not name.startswith("present_")]
    ask = writer.decoder(names)

    def run(inputs: Arrays) -> Arrays:
        rows, length = inputs["input_ids"].shape
        most = max(1, TOKENS // length)
        parts = []
        for start in range(0, rows, most):
            part = {name: array[start : start + most] for name, array in inputs.items()}
            past = empty(writer.shapes, len(part["input_ids"])).past
            parts.append(ask({**part, **past}))
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    return run


def of_rows(writer: Writer, **engine: Any) -> Run:
    """Return what a model's metrics are of: texts that are told, of a causal model; else texts that are written."""
    return scored(writer) if writer.encoder is None else generated(writer, **engine)
