"""Texts of many sources at once, where no server runs: for scores, for parity, for files of rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.serving.decoding.beam import Beam
from chainrule.serving.decoding.caches import Arrays
from chainrule.serving.decoding.engine import ENCODER_MASK, Engine, Job
from chainrule.serving.decoding.rules import Rules
from chainrule.serving.decoding.search import Found, Search
from chainrule.serving.decoding.settings import Settings
from chainrule.serving.decoding.single import Single

Run = Callable[[Arrays], Arrays]
_PAST, _CROSS = "past_", "cross_"


def search(rules: Rules, settings: Settings, prompt: int) -> tuple[Search, int]:
    """Return the way to decode that settings ask for, and the most tokens that it makes behind a prompt's."""
    most = max(0, min(settings.max_new_tokens, rules.positions - prompt))
    return (Beam if settings.beams > 1 else Single)(rules, settings, most), most


def job(prompt: Sequence[int], fixed: Arrays, rules: Rules, settings: Settings, **more: Any) -> Job:
    """Return what an engine makes a text of: a prompt behind the start, and what the decoder sees of a source."""
    tokens = list(prompt) or list(rules.start)
    way, most = search(rules, settings, len(tokens))
    return Job(tokens, way, fixed, most, reason="" if most else "length", **more)


def decode(
    run: Run,
    shapes: Mapping[str, tuple[int, int]],
    prompts: Sequence[Sequence[int]],
    sources: Sequence[Arrays],
    rules: Rules,
    settings: Settings | None = None,
    *,
    keeps: Iterable[str] = (),
    **engine: Any,
) -> tuple[list[Found], list[Job]]:
    """Return what is found for each source, and its job, which has the outputs that `keeps` names.

    run: runs the decoder graph; shapes: heads and their width of its `past_` inputs; prompts: tokens that each text
    begins with, empty for `rules.start`; sources: inputs that stay, {} of a causal model; settings: the rules' own
    where none are given; engine: how much runs at once (see `engine.Engine`). Raises what running raises.
    """
    settings = settings or rules.defaults
    jobs = [
        job(prompt, fixed, rules, settings, keeps=frozenset(keeps))
        for prompt, fixed in zip(prompts, sources, strict=True)
    ]
    at_work = Engine(run, shapes, **engine)
    for each in sorted(jobs, key=lambda each: each.places):  # those of like size are filled up least
        if not each.reason:
            at_work.add(each)
    while at_work.busy:
        at_work.step()
    return [each.found() for each in jobs], jobs


def outputs(found: Sequence[Found]) -> Arrays:
    """Return texts as named outputs of their rows.

    tokens int64 [N, L] and logprobs float32 [N, L], filled up with zeros; length int64 [N]; score float32 [N].
    """
    longest = max((len(each.tokens) for each in found), default=0)
    tokens, logprobs = np.zeros((len(found), longest), np.int64), np.zeros((len(found), longest), np.float32)
    for row, each in enumerate(found):
        tokens[row, : len(each.tokens)] = each.tokens
        logprobs[row, : len(each.tokens)] = each.logprobs
    return {
        "tokens": tokens,
        "logprobs": logprobs,
        "length": np.array([len(each.tokens) for each in found], np.int64),
        "score": np.array([each.score for each in found], np.float32),
    }


def cache_shapes(inputs: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """Return heads and their width of each `past_` input, of a graph's inputs as a signature has them.

    Raises ValueError where a graph leaves one of them open.
    """
    found = {}
    for tensor in inputs:
        if tensor["name"].startswith(_PAST):
            heads, width = tensor["shape"][1], tensor["shape"][3]
            if not isinstance(heads, int) or not isinstance(width, int):
                raise ValueError(f"{tensor['name']} has {tensor['shape']}; its heads and their width must be fixed")
            found[tensor["name"]] = (heads, width)
    return found


def sources(encoded: Mapping[str, np.ndarray], mask: np.ndarray) -> list[Arrays]:
    """Return what the decoder sees of each source, without padding behind it.

    encoded: the encoder's outputs, of which `cross_*` [B, H, S, D] are taken; mask: its attention_mask, int64 [B, S].
    """
    lengths = mask.sum(axis=1)
    found = []
    for row, length in enumerate(lengths):
        own = {name: array[row : row + 1, :, :length] for name, array in encoded.items() if name.startswith(_CROSS)}
        found.append({**own, ENCODER_MASK: mask[row : row + 1, :length].astype(np.int64)})
    return found


def greedily(settings: Settings) -> Settings:
    """Return these settings without beams and without drawing."""
    return replace(settings, beams=1, temperature=0.0)
