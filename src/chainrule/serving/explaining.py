"""Why a model answered as it did, for a request that asks: weights of the parts of its input, by runs of the graph.

Runs go through the queue of all requests, a few rows at a time and one explanation after the other, so that whoever
asks meanwhile waits for one short run at most.
"""

import asyncio
from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.evaluation.explanation.divided import Arrays, Parts, deviation
from chainrule.evaluation.explanation.methods import METHODS, ends
from chainrule.evaluation.parts import NotShownError
from chainrule.serving import plain
from chainrule.serving.bundle import Bundle, input_fields
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.serving.parts import text
from chainrule.system import plugins

if TYPE_CHECKING:
    from chainrule.serving.models import Model

PARAMETER = "explain"
IN_HAND = 8
"""Explanations that are under way or wait for their turn."""
_ROWS = 16  # of a run: what others may have to wait for
_FEWEST = 16  # runs that there always are
_KINDS = ("audio", "image", "image_text", "interaction", "table", "text")
_FILES = ("audio", "image")  # whose tensors hold all that there is to be told apart
_WORDS = " or ".join(METHODS)


def method(asked: object) -> str | None:
    """Return how a request wants to be explained, None if not. Raises Refusal (400) for what is no method."""
    if asked is None:
        return None
    if not isinstance(asked, str) or asked not in METHODS:
        raise Refusal(400, f"{PARAMETER} must be {_WORDS}, not {asked!r:.40}", "parameter")
    return asked


def able(bundle: Bundle) -> bool:
    """Whether answers of a bundle can be explained here: its task, its inputs and its target are of such kinds."""
    signature = bundle.signature
    return (
        _has_parts(bundle)
        and "decoding" not in signature
        and bool(plugins.load("evaluation.explanation.targets", signature["target"]["kind"]).EXPLAINED)
    )


def _has_parts(bundle: Bundle) -> bool:
    """Whether the task of a bundle is known here, and its inputs are of a kind, or a pair of them, that has parts."""
    return plain.face(bundle) is not None and _kind(bundle) in _KINDS


def _kind(bundle: Bundle) -> str:
    """Return the kind of a bundle's inputs; of several kinds their modality."""
    kinds = {field.kind for field in input_fields(bundle)}
    return next(iter(kinds)) if len(kinds) == 1 else str(bundle.signature.get("modality"))


class Explainer:
    """What explains, one request at a time. To be asked from one event loop."""

    def __init__(self, limits: Limits) -> None:
        """Take how many runs and seconds an explanation may have."""
        self._limits = limits
        self._turn = asyncio.Lock()
        self._in_hand = 0

    async def explain(
        self, model: "Model", way: str, given: Mapping[str, Any], inputs: Arrays, outputs: Arrays
    ) -> dict[str, Any]:
        """Return the weight of each part of one item, with what they are weights of.

        given: what was sent by input field, as `plain.prepare` takes it; inputs: the graph's, of it; outputs: what the
        model answered. Raises Refusal (400) for what cannot be explained, (503) where too many ask or time is up.
        """
        _check(model.bundle, given, inputs)
        if self._in_hand >= IN_HAND:
            raise Refusal(503, f"{IN_HAND} explanations are under way or wait already; ask again", "explain_full", 2)
        self._in_hand += 1
        try:
            async with self._turn:
                return await self._explained(model, way, given, inputs, outputs)
        finally:
            self._in_hand -= 1

    async def _explained(
        self, model: "Model", way: str, given: Mapping[str, Any], inputs: Arrays, outputs: Arrays
    ) -> dict[str, Any]:
        signature, limits, weighing = model.bundle.signature, self._limits, METHODS[way]
        target = plugins.load("evaluation.explanation.targets", signature["target"]["kind"])
        try:
            place = int(target.likeliest(outputs)[0])
        except NotShownError as reason:
            raise Refusal(400, str(reason), "explain") from None
        began = perf_counter()

        async def values(parts: Parts, masks: np.ndarray) -> np.ndarray:
            told = []
            cells = parts.owner.size if parts.owner.ndim == 1 or "input_ids" in parts.blank else 1
            rows = min(_ROWS, max(1, limits.max_cells // max(cells, 1)))
            for start in range(0, len(masks), rows):
                if perf_counter() - began > 2 * limits.explain_seconds:
                    message = f"the explanation was not there within {2 * limits.explain_seconds:g} s; ask again"
                    raise Refusal(503, message, "explain_late", 2)
                hidden = await asyncio.to_thread(parts.hidden, masks[start : start + rows])
                answer = await model.infer(hidden, observed=False)
                told.append(target.score(answer.outputs, place))
            return np.concatenate(told)

        runs = limits.explain_runs
        parts = await asyncio.to_thread(_divided, model.bundle, given, inputs, weighing.most(runs), limits)
        if not parts.about:
            raise Refusal(400, "nothing of this input is read that could be hidden", "explain")
        whole, none = (await values(parts, ends(len(parts.about)))).tolist()
        affordable = int(limits.explain_seconds / max((perf_counter() - began) / 2, 1e-6))
        notes = [parts.note] if parts.note else []
        if affordable < runs:
            runs = max(_FEWEST, affordable)
            if weighing.most(runs) < len(parts.about):
                parts = await asyncio.to_thread(_divided, model.bundle, given, inputs, weighing.most(runs), limits)
                notes = [f"the model is slow here, so that only {len(parts.about)} parts are told apart", parts.note]
        masks = weighing.masks(len(parts.about), runs, 0)
        told = await values(parts, masks) if len(masks) else np.empty(0)
        weights = weighing.weights(masks, told, whole, none)
        if not np.isfinite(weights).all():
            raise Refusal(400, "the model answers with what is no number where parts are hidden", "not_finite")
        return {
            "method": way,
            "explained": _name(signature, place),
            "unit": target.SAID,
            "whole": whole,
            "none": none,
            "hidden": parts.hiding,
            "parts": [{**about, "weight": weight} for about, weight in zip(parts.about, weights.tolist(), strict=True)],
            "deviation": deviation(weights, whole, none),
            "runs": len(masks) + 2,
            **({"notes": [note for note in notes if note]} if notes else {}),
        }


def _name(signature: Mapping[str, Any], place: int) -> str:
    """Return the label that is explained, or the name of the field that holds a number."""
    if "classes" in signature["target"]:
        return str(signature["target"]["classes"][place])
    return next(str(field["name"]) for field in signature["fields"] if field["role"] == "target")


def _check(bundle: Bundle, given: Mapping[str, Any], inputs: Arrays) -> None:
    """Raise Refusal (400) for what has no explanation here: several items, a kind that is not known, token ids."""
    if not _has_parts(bundle):
        raise Refusal(400, f"{bundle.name} takes inputs that have no parts here to be explained by", "explain")
    lacking = [field.name for field in input_fields(bundle) if field.kind not in _FILES and field.name not in given]
    if lacking:
        raise Refusal(400, f"{PARAMETER} needs {' and '.join(lacking)} as it is, as BYTES, and no tensors", "explain")
    items = len(next(iter(inputs.values())))
    if items != 1:
        raise Refusal(400, f"{PARAMETER} takes one item in a request, not {items}", "explain")


def _divided(bundle: Bundle, given: Mapping[str, Any], inputs: Arrays, most: int, limits: Limits) -> Parts:
    """Return at most so many parts of one item."""
    fields, rules = input_fields(bundle), bundle.signature["preprocessing"]
    kind = _kind(bundle)
    values: dict[str, Any] = {field.name: given.get(field.name) for field in fields}
    facts: Mapping[str, Any] = {}
    words = None
    if texts := [field.name for field in fields if field.kind == "text"]:
        assert bundle.tokenizer is not None  # without it the item would have been refused
        values |= {name: text.clean(values[name], rules[name], limits) for name in texts}
        folds = {name: value for name, value in rules[texts[0]].items() if name in ("windows", "max_length")}
        facts, words = {**folds, "pad_id": bundle.padding.get("input_ids", 0)}, plain.tokenizer(bundle.tokenizer)
    elif kind in ("interaction", "table"):
        facts = rules[fields[0].name]["facts"]
    elif kind == "audio":
        facts = rules[fields[0].name]
    parts: Parts = plugins.load("evaluation.explanation.parts", kind).divide(inputs, values, facts, words, most)
    return parts
