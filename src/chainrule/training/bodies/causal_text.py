"""Token ids in, and keys and values of those before; what each token cost to tell, and what may follow it.

The one module is learnt, scored and exported: with nothing before (P = 0) it scores whole texts, with one new token it
makes a step (`serving.decoding` says what such a graph is).
"""

from collections.abc import Mapping
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from chainrule.evaluation.tokens import byte_lengths
from chainrule.nets.shared.cached import CacheShape, Layer
from chainrule.system.errors import ParamsError


class Model(nn.Module):
    """A causal net, whose input embedding or own `readout` says which token follows."""

    inputs = ("input_ids", "attention_mask")

    def __init__(self, net: nn.Module, facts: Mapping[str, Any]) -> None:
        """Take how many bytes each token stands for from the tokenizer; ParamsError for a net that is not causal."""
        super().__init__()
        if not hasattr(net, "step"):
            raise ParamsError(
                "text_generation: this net does not go on with a text; take net gpt, or a base such as GPT-2"
            )
        self.net = net
        lengths = list(byte_lengths(facts["tokenizer"]))[: facts["vocabulary"]]
        lengths += [0] * (int(net.embeddings.shape[0]) - len(lengths))  # type: ignore[index]
        self.register_buffer("byte_lengths", torch.tensor(lengths, dtype=torch.float32), persistent=False)

    @property
    def facts(self) -> dict[str, Any]:
        """What the net tells of its inputs: the shape of what it keeps."""
        return {"cache": self.net.cache}

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **past: Tensor) -> dict[str, Tensor]:
        """Return what is told of input_ids int64 [B, T], by name; attention_mask is int64 [B, P + T].

        state [B, D], the mean of the new tokens' last states; nats, bytes and told [B, T]: what a token cost, how many
        bytes it stands for, and 1 where the net had to tell it: where a real token of these is before it, 0 elsewhere.
        With past_key_<i> and past_value_<i> [B, H, P, D / H] also logits [B, T, V], present_key_<i> and
        present_value_<i> of the tokens before and these.
        """
        states, present = self.net.step(input_ids, attention_mask, layers(past))  # type: ignore[operator]
        logits = self.logits(states)
        real = attention_mask[:, attention_mask.shape[1] - input_ids.shape[1] :]
        told = nn.functional.pad((real[:, 1:] * real[:, :-1]).to(logits.dtype), (1, 0))
        chances = logits[:, :-1].log_softmax(dim=2)
        cost = -chances.gather(2, input_ids[:, 1:, None]).squeeze(2)
        weights = real.unsqueeze(2).to(states.dtype)
        outputs = {
            "state": (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1),
            "nats": nn.functional.pad(cost, (1, 0)) * told,
            "bytes": self.byte_lengths[input_ids] * told,  # type: ignore[index]
            "told": told,
        }
        if not past:
            return outputs
        outputs["logits"] = logits
        for place, (keys, values) in enumerate(present):
            outputs |= {f"present_key_{place}": keys, f"present_value_{place}": values}
        return outputs

    def features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return what is known of a text as a whole, [B, D]: the mean over its tokens."""
        return self(input_ids, attention_mask)["state"]  # type: ignore[no-any-return]

    def following(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return what may follow each token of whole texts, float32 [B, T, V]; both are int64 [B, T]."""
        states, _ = self.net.step(input_ids, attention_mask, [])  # type: ignore[operator]
        return self.logits(states)

    def logits(self, states: Tensor) -> Tensor:
        """Return what may follow each token, float32 [B, T, V], of states [B, T, D]."""
        readout = getattr(self.net, "readout", None)
        found = nn.functional.linear(states, self.net.embeddings) if readout is None else readout(states)  # type: ignore[arg-type]
        return found.float()


def layers(past: Mapping[str, Tensor]) -> list[Layer]:
    """Return keys and values by layer, of past_key_<i> and past_value_<i>; [] of none."""
    return [(past[f"past_key_{place}"], past[f"past_value_{place}"]) for place in range(len(past) // 2)]


def names(shape: CacheShape, before: str = "past") -> list[str]:
    """Return what the keys and values of all layers are called, in their order."""
    return [f"{before}_{part}_{place}" for place in range(shape.layers) for part in ("key", "value")]


def example(
    facts: Mapping[str, Any], batch: int, generator: torch.Generator, length: int = 8, past: int = 4
) -> dict[str, Tensor]:
    """Return random inputs of a model by name, of so many new tokens and tokens before; the first row is padded.

    facts: of the inputs, and as `cache` the shape of what the net keeps.
    """
    shape: CacheShape = facts["cache"]
    ids = torch.randint(0, facts["vocabulary"], (batch, length), generator=generator)
    mask = torch.ones(batch, past + length, dtype=torch.int64)
    mask[0, : past // 2] = 0
    kept = {name: torch.randn(batch, shape.heads, past, shape.width, generator=generator) for name in names(shape)}
    return {"input_ids": ids, "attention_mask": mask, **kept}


def parity_shapes(facts: Mapping[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with its model: whole texts, steps, and more tokens at once."""
    longest = int(facts["max_length"])
    half = max(1, min(11, longest // 2))
    sizes = dict.fromkeys([(longest, 0), (half, 0), (1, half), (half, half), (1, longest - 1)])
    return [{"batch": batch, "length": length, "past": past} for length, past in sizes for batch in (1, 3)]


def dynamic_shapes(facts: Mapping[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    kept = {name: {0: "batch", 2: "past"} for name in names(facts["cache"])}
    return {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "seen"}, **kept}


def decoding(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a bundle's signature says how its graph goes on with a text (`serving.decoding`)."""
    before, behind = frame(facts["tokenizer"])
    # What a text begins with where nothing is given: of a tokenizer that marks no beginning, what ends the text before.
    end = facts["end_id"]
    start = before or ([] if end is None else [end])
    # Where rows are cut out of longer texts nothing has told the model what an end is.
    ends = [end] if end is not None and (behind or not before) else []
    return {
        "graph": "model",
        "start": start,
        "end": ends,
        "never": [number for number in facts["special_ids"] if number not in ends],
        "first": None,
        "positions": int(facts["max_length"]),
    }


def frame(tokenizer: str) -> tuple[list[int], list[int]]:
    """Return what a tokenizer, given as JSON, puts before a text and behind it."""
    known = Tokenizer.from_str(tokenizer)
    known.no_truncation()
    found = known.encode("a")
    own = [place for place, sequence in enumerate(found.sequence_ids) if sequence is not None]
    return list(found.ids[: own[0]]), list(found.ids[own[-1] + 1 :])
