"""Learning to write a text for a text: rows with the tokens of both, a model that reads and writes, and its loss.

A net that writes has `forward(input_ids, attention_mask)` → states of what was read, `read(states)` → keys and values
that each decoder layer holds of them, and `write(ids, mask, past, read, encoder_mask)` → logits, what each layer holds
of the tokens so far, and where they looked (see `nets.encoder_decoder`). How tokens are chosen is `serving.decoding`,
the same code for a training's scores, for parity and in a server.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from chainrule.serving.decoding import rows
from chainrule.serving.decoding.decode import greedily
from chainrule.system.errors import ParamsError
from chainrule.training import writing
from chainrule.training.bodies import text
from chainrule.training.bodies.text import mean

NOT_TOLD = -100
"""What stands behind a row's tokens, of which nothing is learnt."""
WRITTEN = "written"
BEAMS, LENGTH_PENALTY = 4, 1.0
TOGETHER, CELLS = 512, 2**18
"""Sequences, and places of their caches, that are decoded side by side."""
ROOM = 2.0
"""How many times as long as the longest training text an answer may be."""


class WrittenRows:
    """Rows as `training.prediction.Inputs`, with the tokens of what is to be written, in batches by tokens."""

    def __init__(
        self,
        inputs: Any,
        written: Sequence[Sequence[int]],
        target: Tensor,
        batch_tokens: int | None,
        cut: int,
    ) -> None:
        """Keep the inputs without target, and the tokens of each row, its end included.

        target: code points int32 [N, L]; batch_tokens: of both sides, the most that a batch holds, padding included,
        None: batches are of so many rows; cut: rows of which either side is not whole.
        """
        self.inputs, self.target, self.batch_tokens, self.cut = inputs, target, batch_tokens, cut
        self.written = [torch.tensor(ids, dtype=torch.int64) for ids in written]
        own = torch.tensor([len(ids) for ids in written], dtype=torch.int64)
        self.sizes = inputs.lengths + own
        """Tokens of both sides of each row."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.inputs)

    def order(self, batch_size: int, generator: torch.Generator | None) -> list[Tensor]:
        """Return the batches of one pass as row indices, of similar size each; shuffled by the generator.

        Rows are sorted by their tokens, those of as many in a random order, and cut into batches of at most
        `batch_size` rows and `batch_tokens` tokens: every pass has as many batches.
        """
        if generator is None:
            return self._cut(self.sizes.argsort(stable=True), batch_size)
        mixed = torch.randperm(len(self), generator=generator)
        batches = self._cut(mixed[self.sizes[mixed].argsort(stable=True)], batch_size)
        return [batches[place] for place in torch.randperm(len(batches), generator=generator).tolist()]

    def _cut(self, order: Tensor, batch_size: int) -> list[Tensor]:
        if self.batch_tokens is None:
            return list(torch.split(order, batch_size))
        counts, rows = [], 0
        for size in self.sizes[order].tolist():
            if rows and (rows == batch_size or (rows + 1) * size > self.batch_tokens):
                counts.append(rows)
                rows = 0
            rows += 1
        return list(torch.split(order, [*counts, rows])) if rows else []

    def take(self, index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return the inputs of rows, written int64 [B, T] and target, code points int32 [B, L]."""
        own = [self.written[row] for row in index.tolist()]
        padded = nn.utils.rnn.pad_sequence(own, batch_first=True, padding_value=NOT_TOLD)
        return {**self.inputs.take(index, generator), WRITTEN: padded, "target": self.target[index]}


def tokens(values: Sequence[str], facts: Mapping[str, Any]) -> tuple[list[list[int]], int]:
    """Return the tokens of each text and an end behind them, at most max_length, and how many texts were cut."""
    tokenizer = Tokenizer.from_str(facts["tokenizer"])
    tokenizer.no_truncation()
    most = facts["max_length"] - 1
    found = [each.ids for each in tokenizer.encode_batch_fast(list(values), add_special_tokens=False)]
    return [[*ids[:most], facts["end_id"]] for ids in found], sum(len(ids) > most for ids in found)


class Rewriter(nn.Module):
    """A net that reads a text and writes another. Its own graph is what it reads; `decoder` is the one that writes."""

    inputs = ("input_ids", "attention_mask")

    def __init__(self, net: nn.Module, facts: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        """Take the tokens' meaning from the facts of the inputs, and how long a text may be from the target's.

        Raises ParamsError for a net that writes nothing.
        """
        super().__init__()
        if not getattr(net, "writes", False):
            raise ParamsError(
                "net: this net writes no text; take encoder_decoder, or a base such as T5, BART or Marian"
            )
        self.net = net
        self._facts = dict(facts)
        self.characters = int(ROOM * target["characters"]) + 1

    @property
    def facts(self) -> dict[str, Any]:
        """What the net tells beside the facts of its inputs: how long a text may be, how wide its cache is.

        And what a text begins with, where its own configuration says so.
        """
        most = min(self._facts["max_length"], int(self.net.max_length))  # type: ignore[arg-type]
        return {"positions": most, "cache": tuple(self.net.shape), "start_id": getattr(self.net, "start_id", None)}  # type: ignore[arg-type]

    @property
    def known(self) -> dict[str, Any]:
        """The facts of the inputs with those of the net."""
        return {**self._facts, **self.facts}

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Return cross_key_<i> and cross_value_<i> [B, H, S, D], what each decoder layer holds of a text.

        input_ids, attention_mask: int64 [B, S].
        """
        return named("cross", self.net.read(self.net(input_ids, attention_mask)))  # type: ignore[operator]

    def features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return what is known of a text that was read, [B, D]: the mean over its tokens."""
        return mean(self.net(input_ids, attention_mask), attention_mask)

    def likely(self, input_ids: Tensor, attention_mask: Tensor, written: Tensor) -> Tensor:
        """Return logits [B, T, V] of each token of texts that are given, int64 [B, T], with NOT_TOLD behind them."""
        start = decoding(self.known)["start"][0]
        real = (written != NOT_TOLD).long()
        ids = torch.cat([torch.full_like(written[:, :1], start), written[:, :-1]], dim=1)
        mask = torch.cat([torch.ones_like(real[:, :1]), real[:, :-1]], dim=1)
        read = self.net.read(self.net(input_ids, attention_mask))  # type: ignore[operator]
        past = None
        logits: Tensor = self.net.write(ids.clamp(min=0), mask, past, read, attention_mask)[0]  # type: ignore[operator]
        return logits

    def answers(self, input_ids: Tensor, attention_mask: Tensor, greedy: bool = False) -> dict[str, Tensor]:
        """Return text, code points float32 [B, L], and score [B], the mean log-probability of its tokens.

        greedy: whether the likeliest token is taken each time; else a beam search is made, as a server makes it. What
        is longer than ROOM times the longest training text is cut there.
        """
        found = self._run(greedy)(_numpy(input_ids, attention_mask))
        text = torch.zeros(len(input_ids), self.characters)
        said = torch.from_numpy(found["text"]).float()[:, : self.characters]
        text[:, : said.shape[1]] = said
        return {"text": text, "score": torch.from_numpy(found["score"])}

    def _run(self, greedy: bool) -> rows.Run:
        """Return what writes texts for rows, as a run."""
        known = self.known
        writer = writing.writer(decoding(known), graphs(self, known), known["tokenizer"])
        settings = greedily(writer.rules.defaults) if greedy else None
        return rows.generated(writer, settings, rows=TOGETHER, cells=CELLS)

    @torch.no_grad()
    def aligned(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[list[int], np.ndarray]:
        """Return the tokens [T] that are written for one text, and where each looked in it, float32 [T, S].

        input_ids, attention_mask: int64 [1, S].
        """
        found = self._run(greedy=False)(_numpy(input_ids, attention_mask))
        tokens = found["tokens"][0, : int(found["length"][0])].tolist()
        start = decoding(self.known)["start"]
        ids = torch.tensor([[*start, *tokens[:-1]]], device=input_ids.device)
        read = self.net.read(self.net(input_ids, attention_mask))  # type: ignore[operator]
        if not tokens:
            return [], np.zeros((0, input_ids.shape[1]), np.float32)
        looked: Tensor = self.net.write(ids, torch.ones_like(ids), None, read, attention_mask)[2]  # type: ignore[operator]
        return tokens, looked[0].float().cpu().numpy()

    @property
    def decoder(self) -> "Decoder":
        """Return what writes, as a module of its own with the same weights."""
        return Decoder(self.net)


def _numpy(input_ids: Tensor, attention_mask: Tensor) -> dict[str, np.ndarray]:
    return {"input_ids": input_ids.cpu().numpy(), "attention_mask": attention_mask.cpu().numpy()}


class Decoder(nn.Module):
    """What writes, with the names of `serving.decoding`: a step, or the whole of a text."""

    def __init__(self, net: nn.Module) -> None:
        """Take a net that writes."""
        super().__init__()
        self.net = net

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, encoder_mask: Tensor, **held: Tensor
    ) -> dict[str, Tensor]:
        """Return logits [B, T, V], present_key_<i> and present_value_<i> [B, H, P + T, D], attention [B, T, S].

        input_ids int64 [B, T]; attention_mask int64 [B, P + T]; encoder_mask int64 [B, S]; held: past_key_<i> and
        past_value_<i> [B, H, P, D], cross_key_<i> and cross_value_<i> [B, H, S, D].
        """
        past, read = pairs(held, "past"), pairs(held, "cross")
        logits, present, looked = self.net.write(  # type: ignore[operator]
            input_ids, attention_mask, past, read, encoder_mask
        )
        return {"logits": logits, **named("present", present), "attention": looked}


class Writing(nn.Module):
    """A writer and its loss: the cross-entropy of every token of what is to be written, given those before it."""

    def __init__(self, model: Rewriter, smoothing: float) -> None:
        """Take the share of each token's target that is spread over the vocabulary; in evaluation mode none is."""
        super().__init__()
        self.model, self.smoothing = model, smoothing
        self.loss = nn.CrossEntropyLoss(ignore_index=NOT_TOLD)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        """Return loss (mean over tokens, nats), count [] of tokens, and outputs.

        Outputs are what the model writes in evaluation mode, greedily, and none as it learns. batch: input_ids,
        attention_mask int64 [B, S], written int64 [B, T].
        """
        given = {name: batch[name] for name in self.model.inputs}
        logits = self.model.likely(**given, written=batch[WRITTEN])
        loss = nn.functional.cross_entropy(
            logits.float().flatten(0, 1),
            batch[WRITTEN].flatten(),
            ignore_index=NOT_TOLD,
            label_smoothing=self.smoothing if self.training else 0.0,
        )
        outputs = {}
        if not self.training:
            outputs = self.model.answers(**given, greedy=True)
        return {"loss": loss, "outputs": outputs, "count": (batch[WRITTEN] != NOT_TOLD).sum()}


def named(what: str, pairs: Sequence[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Return keys and values of layers by name."""
    both = ("key", "value")
    return {f"{what}_{one}_{place}": pair[at] for place, pair in enumerate(pairs) for at, one in enumerate(both)}


def pairs(held: Mapping[str, Tensor], what: str) -> list[tuple[Tensor, Tensor]]:
    """Return keys and values by layer, of <what>_key_<i> and <what>_value_<i>."""
    layers = sum(name.startswith(f"{what}_key_") for name in held)
    return [(held[f"{what}_key_{place}"], held[f"{what}_value_{place}"]) for place in range(layers)]


def decoding(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a bundle's signature says how a text is written (`serving.decoding`).

    facts: `Rewriter.known`. A text begins with what the net's own configuration says, or with the token that begins
    every text.
    """
    start = facts.get("start_id")
    if start is None:
        start = Tokenizer.from_str(facts["tokenizer"]).encode("").ids[0]
    return {
        "graph": "decoder",
        "start": [int(start)],
        "end": [int(facts["end_id"])],
        "never": sorted({*facts["special_ids"]} - {facts["end_id"]}),
        "first": None,
        "positions": facts["positions"],
        "defaults": {"max_new_tokens": facts["positions"], "beams": BEAMS, "length_penalty": LENGTH_PENALTY},
    }


def graphs(model: Rewriter, facts: Mapping[str, Any]) -> dict[str, writing.Part]:
    """Return the graph that reads and the one that writes, with inputs and the names of their axes that vary."""
    drawn = torch.Generator().manual_seed(0)
    reads = [
        text.example(dict(facts), batch, drawn, length) for batch, length in ((2, 6), (1, 3), (3, facts["positions"]))
    ]
    longest = facts["positions"]
    sizes = ((2, 3, 2, 5), (1, 0, min(7, longest), 4), (3, 0, 1, longest), (2, min(4, longest - 1), 1, 3))
    writes = [step(facts, drawn, *size) for size in sizes]
    axes = {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "seen"}}
    axes |= {"encoder_mask": {0: "batch", 1: "source"}}
    held = {name: {0: "batch", 2: name.split("_")[0].replace("cross", "source")} for name in list(writes[0])[3:]}
    read_axes = {name: {0: "batch", 1: "source"} for name in Rewriter.inputs}
    return {writing.MODEL: (model, reads, read_axes), writing.DECODER: (model.decoder, writes, {**axes, **held})}


def step(
    facts: Mapping[str, Any], drawn: torch.Generator, batch: int, before: int, length: int, source: int
) -> dict[str, Tensor]:
    """Return random inputs of the graph that writes: so many tokens behind others; the first row is padded."""
    layers, heads, width = facts["cache"]
    mask, read = torch.ones(batch, before + length).long(), torch.ones(batch, source).long()
    if batch > 1:
        mask[0, : before // 2], read[0, source // 2 :] = 0, 0
    ids = torch.randint(0, facts["vocabulary"], (batch, length), generator=drawn)
    held = [
        (
            torch.randn(batch, heads, tokens, width, generator=drawn),
            torch.randn(batch, heads, tokens, width, generator=drawn),
        )
        for tokens in [before] * layers + [source] * layers
    ]
    past, cross = named("past", held[:layers]), named("cross", held[layers:])
    return {"input_ids": ids, "attention_mask": mask, "encoder_mask": read, **past, **cross}
