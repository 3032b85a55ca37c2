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

from chainrule.fields.wording import codes
from chainrule.serving.decoding import decode as decoding
from chainrule.serving.decoding.rules import Rules
from chainrule.serving.decoding.settings import Settings
from chainrule.system.errors import ParamsError
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


class Writer(nn.Module):
    """A net that reads a text and writes another. Its own graph is what it reads; `decoder` is the one that writes."""

    inputs = ("input_ids", "attention_mask")

    def __init__(self, net: nn.Module, facts: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        """Take the tokens' meaning from the facts of the inputs, and how long a text may be from the target's.

        Raises ParamsError for a net that writes nothing.
        """
        super().__init__()
        if not getattr(net, "writes", False):
            raise ParamsError("net: this net writes no text; take encoder_decoder, or a base such as T5 or Marian")
        self.net = net
        self._tokenizer = Tokenizer.from_str(facts["tokenizer"])
        self.rules = rules(net, facts)
        self.characters = int(ROOM * target["characters"]) + 1

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Return cross_key_<i> and cross_value_<i> [B, H, S, D], what each decoder layer holds of a text.

        input_ids, attention_mask: int64 [B, S].
        """
        read = self.net.read(self.net(input_ids, attention_mask))  # type: ignore[operator]
        return named("cross", read)

    def features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return what is known of a text that was read, [B, D]: the mean over its tokens."""
        return mean(self.net(input_ids, attention_mask), attention_mask)

    def likely(self, input_ids: Tensor, attention_mask: Tensor, written: Tensor) -> Tensor:
        """Return logits [B, T, V] of each token of texts that are given, int64 [B, T], with NOT_TOLD behind them."""
        real = (written != NOT_TOLD).long()
        ids = torch.cat([torch.full_like(written[:, :1], self.rules.start[0]), written[:, :-1]], dim=1)
        mask = torch.cat([torch.ones_like(real[:, :1]), real[:, :-1]], dim=1)
        read = self.net.read(self.net(input_ids, attention_mask))  # type: ignore[operator]
        past = None
        logits: Tensor = self.net.write(ids.clamp(min=0), mask, past, read, attention_mask)[0]  # type: ignore[operator]
        return logits

    @torch.no_grad()
    def answers(self, input_ids: Tensor, attention_mask: Tensor, settings: Settings | None = None) -> dict[str, Tensor]:
        """Return text, code points float32 [B, L], and score [B], the mean log-probability of its tokens.

        settings: how it is decoded; None: by a beam search, as a server does it.
        """
        encoded = {name: array.float().cpu().numpy() for name, array in self(input_ids, attention_mask).items()}
        sources = decoding.sources(encoded, attention_mask.cpu().numpy())
        found, _ = decoding.decode(
            self.decoder.run,
            self.decoder.shapes,
            [()] * len(sources),
            sources,
            self.rules,
            settings,
            rows=TOGETHER,
            cells=CELLS,
        )
        said = [self._tokenizer.decode(each.tokens, skip_special_tokens=True).strip() for each in found]
        score = [float(np.mean(each.logprobs)) if each.logprobs else 0.0 for each in found]
        return {
            "text": torch.from_numpy(codes(said, self.characters)).float(),
            "score": torch.tensor(score, dtype=torch.float32),
        }

    @property
    def decoder(self) -> "Decoder":
        """Return what writes, as a module of its own with the same weights."""
        return Decoder(self.net)


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
        past, read = ([(held[f"{what}_key_{place}"], held[f"{what}_value_{place}"]) for place in range(self.layers)]
                      for what in ("past", "cross"))  # fmt: skip
        logits, present, looked = self.net.write(  # type: ignore[operator]
            input_ids, attention_mask, past, read, encoder_mask
        )
        return {"logits": logits, **named("present", present), "attention": looked}

    @property
    def layers(self) -> int:
        """Return the number of decoder layers."""
        return int(self.net.shape[0])  # type: ignore[index]

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Return heads and their width of each `past_` input, by name."""
        layers, heads, width = self.net.shape  # type: ignore[misc]
        return {f"past_{what}_{place}": (heads, width) for place in range(layers) for what in ("key", "value")}

    @torch.no_grad()
    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run it as `serving.offline.runner` runs a graph."""
        device = next(self.net.parameters()).device
        given = {name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in inputs.items()}
        return {name: tensor.float().cpu().numpy() for name, tensor in self(**given).items()}


class Writing(nn.Module):
    """A writer and its loss: the cross-entropy of every token of what is to be written, given those before it."""

    def __init__(self, model: Writer, smoothing: float) -> None:
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
            outputs = self.model.answers(**given, settings=decoding.greedily(self.model.rules.defaults))
        return {"loss": loss, "outputs": outputs, "count": (batch[WRITTEN] != NOT_TOLD).sum()}


def named(what: str, pairs: Sequence[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Return keys and values of layers by name."""
    both = ("key", "value")
    return {f"{what}_{one}_{place}": pair[at] for place, pair in enumerate(pairs) for at, one in enumerate(both)}


def rules(net: nn.Module, facts: Mapping[str, Any]) -> Rules:
    """Return what the tokens mean to whoever decodes, of the facts of inputs.

    A text begins with what the net says, or with the token that begins every text.
    """
    start = getattr(net, "start_id", None)
    if start is None:
        start = Tokenizer.from_str(facts["tokenizer"]).encode("").ids[0]
    never = sorted({*facts["special_ids"]} - {facts["end_id"]})
    longest = min(facts["max_length"], int(net.max_length))  # type: ignore[arg-type]
    defaults = Settings(max_new_tokens=longest, beams=BEAMS, length_penalty=LENGTH_PENALTY)
    return Rules((int(start),), (int(facts["end_id"]),), tuple(never), None, longest + 1, defaults)
