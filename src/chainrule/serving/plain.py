"""The plain routes' side of a model: what was sent by field in, the graph's inputs out, as its task has it."""

import contextlib
import difflib
import functools
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chainrule.fields.suppression import MOST
from chainrule.serving.bundle import Bundle, input_fields
from chainrule.serving.decoding import rules, settings
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.serving.padding import together
from chainrule.system import plugins
from chainrule.system.errors import ChainruleError, TooLargeError
from chainrule.tasks.catalogue import TASKS

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer


FLAGS = {
    "stream": {"type": "boolean", "default": False, "description": "the answer comes as events, as it is written"},
    "attention": {"type": "boolean", "default": False, "description": "where each token looked in its source"},
}
"""What else may be said of how a text is to be written, as JSON Schema has it."""
ASKED: dict[str, tuple[str, int, int]] = {
    "unsure_below": ("a number", 0, 1),
    "threshold": ("a number", 0, 1),
    "most": ("a whole number", 1, MOST),
}
"""Parameters of a request for its answer: what they are, the least and the most."""


def face(bundle: Bundle) -> Any:
    """Return the service module of the bundle's task; None if the task is not known here."""
    task = bundle.signature.get("task")
    return plugins.load(f"tasks.{task}", "service") if task in TASKS else None


def prepare(bundle: Bundle, given: Mapping[Any, Any], limits: Limits) -> "dict[str, np.ndarray]":
    """Return the graph's inputs of one item. Raises ChainruleError if the task cannot take it.

    given: what was sent by input field, the bytes of an image file, a text or a row of a table; a whole row of the
    recipe will do.
    """
    return noted(bundle, given, limits)[0]


def noted(bundle: Bundle, given: Mapping[Any, Any], limits: Limits) -> "tuple[dict[str, np.ndarray], list[str]]":
    """Return what `prepare` does, and what of the item was not taken as it came, a line each."""
    words = None if bundle.tokenizer is None else tokenizer(bundle.tokenizer)
    parts, notes = {}, []
    for field in input_fields(bundle):
        value, kind = given.get(field.name) if field.optional else given[field.name], part(field.kind)
        if hasattr(kind, "read"):
            value = kind.read(value, bundle.signature["preprocessing"][field.name], limits)
            notes += value.notes
        parts[field.name] = value
    inputs: dict[str, np.ndarray] = face(bundle).prepare(parts, bundle.signature, words, limits)
    texts = {field.name: parts[field.name] for field in input_fields(bundle) if field.kind == "text"}
    sent = {name: text for name, text in texts.items() if text}
    if sent and inputs:
        notes += part("text").left_out(sent, bundle.signature["preprocessing"], inputs, words, limits)
    return inputs, notes


def answer(
    bundle: Bundle,
    variant: str,
    outputs: "Mapping[str, np.ndarray]",
    parameters: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return what the task answers with, of the outputs [1, ...] of a variant for one item.

    parameters: of the request, in place of the bundle's own lines of doubt. Raises ChainruleError where an output is no
    number.
    """
    signature = bundle.signature
    own = (signature.get("variants") or {}).get(variant, {}).get("uncertainty")
    if own is not None or parameters:
        drawn = own if own is not None else signature.get("uncertainty", {})
        signature = {**signature, "uncertainty": {**drawn, **parameters}}
    said: dict[str, Any] = face(bundle).answer(outputs, signature)
    return said


def beside(bundle: Bundle, sent: Mapping[str, Any], said: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Return an answer with what it takes the item's own fields to say, such as the words that a place in a text is.

    sent: by field, as it came.
    """
    kind = plugins.load("serving.answers", bundle.signature["target"]["kind"])
    if not hasattr(kind, "beside"):
        return said
    rules = bundle.signature["preprocessing"]
    read = {field.name: part(field.kind).clean(sent[field.name], rules[field.name], limits)
            for field in input_fields(bundle)}  # fmt: skip
    found: dict[str, Any] = kind.beside(said, sent, read)
    return found


def parameters(bundle: Bundle, asked: Mapping[str, str], others: Collection[str] = ()) -> dict[str, float]:
    """Return those of a request's parameters that are numbers for its answer. Raises Refusal (400).

    others: names of parameters that are read elsewhere; what is none of either is refused.
    """
    known = (*ASKED, *others)
    for name in asked:
        if name not in known:
            near = difflib.get_close_matches(name[:100], known, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise Refusal(400, f"{bundle.name} has no parameter {name!r:.100}{meant}", "parameter")
    found = {}
    for name, (kind, least, most) in ASKED.items():
        if name in asked:
            if name not in getattr(plugins.load("serving.answers", bundle.signature["target"]["kind"]), "TAKES", ()):
                raise Refusal(400, f"the answers of {bundle.name} have no {name}", "parameter")
            try:
                found[name] = float(asked[name])
            except ValueError:
                found[name] = -1.0
            whole = kind == "a number" or found[name].is_integer()
            if not (whole and least <= found[name] <= most):
                said = f"{name} must be {kind} from {least} to {most}, not {asked[name]!r:.40}"
                raise Refusal(400, said, "parameter")
    return found


def _of_text(kind: str, value: str, limits: Limits) -> Any:
    return part(kind).of_text(value, limits) if hasattr(part(kind), "of_text") else value


def quick(bundle: Bundle, size: int) -> bool:
    """Whether a body of so many bytes is prepared so soon that nobody waits for it."""
    return all(size <= getattr(part(field.kind), "QUICK", 0) for field in input_fields(bundle))


def prepared(
    bundle: Bundle, given: "Mapping[str, np.ndarray]", limits: Limits
) -> "tuple[dict[str, np.ndarray], list[str]]":
    """Return the graph's inputs of several items, str [items] by field, and what is to be said of them.

    Raises Refusal (400, 413) that names the item.
    """
    items = {len(each) for each in given.values()}
    if len(items) > 1:
        raise Refusal(400, f"the fields have {' and '.join(map(str, sorted(items)))} items", "shape")
    if max(items) > limits.batch:
        raise Refusal(413, f"{max(items)} items in one request; at most {limits.batch} are taken", "too_large")
    made, said = [], []
    for item in range(max(items)):
        try:
            inputs, notes = noted(bundle, one(bundle, given, item, limits), limits)
        except TooLargeError as error:
            raise Refusal(413, f"item {item}: {error}", "too_large") from None
        except ChainruleError as error:
            raise Refusal(400, f"item {item}: {error}", "content") from None
        made.append(inputs)
        said += [f"item {item}: {note}" for note in notes]
    return together(made, bundle.padding), said


def one(bundle: Bundle, given: "Mapping[str, np.ndarray]", item: int, limits: Limits) -> dict[str, Any]:
    """Return one of several items as `prepare` takes it. Raises ChainruleError for a text that holds no row."""
    return {
        field.name: _of_text(field.kind, given[field.name][item], limits)
        for field in input_fields(bundle)
        if field.name in given
    }


def shown(bundle: Bundle) -> dict[str, Any]:
    """Return by input field what the page knows of how it is prepared; of a task that is not known here, all of it."""
    rules: dict[str, Any] = bundle.signature["preprocessing"]
    if face(bundle) is None:
        return rules
    return {field.name: part(field.kind).shown(rules[field.name]) for field in input_fields(bundle)}


def schema(bundle: Bundle) -> dict[str, Any]:
    """Return the JSON Schema of what the plain route takes of a model; a row may also stand alone."""
    rules = bundle.signature["preprocessing"]
    fields = {field.name: part(field.kind).schema(rules[field.name]) for field in input_fields(bundle)}
    ways = {} if bundle.decoding is None else {**_settings(bundle.decoding), **FLAGS}
    whole = {
        "type": "object",
        "properties": {**fields, **ways},
        "required": [field.name for field in input_fields(bundle) if not field.optional],
        "additionalProperties": False,
        **({"minProperties": 1} if all(field.optional for field in input_fields(bundle)) else {}),
    }
    alone = [found for found in fields.values() if found["type"] == "object"]
    return {"anyOf": [*alone, whole]} if len(fields) == len(alone) == 1 else whole


def _settings(decoding: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of how a text may be asked for, by name."""
    return settings.schema(rules.of_signature(decoding).defaults)


def part(kind: str) -> Any:
    """Return the module of the parts of a request that are of a kind."""
    return plugins.load("serving.parts", kind)


def warm(bundle: Bundle, limits: Limits) -> None:
    """Take one of everything that may be sent, so that decoders and tokenizer are there before the first request."""
    if face(bundle) is None:
        return
    fields, rules = input_fields(bundle), bundle.signature["preprocessing"]
    examples = [list(part(field.kind).examples(rules[field.name])) for field in fields]
    for turn in range(max(map(len, examples))):
        parts = {field.name: each[turn % len(each)] for field, each in zip(fields, examples, strict=True)}
        with contextlib.suppress(ChainruleError):  # this recipe would have refused such a row
            prepare(bundle, parts, limits)


@functools.lru_cache(maxsize=8)
def tokenizer(content: str) -> "Tokenizer":
    """Return the tokenizer of a bundle's tokenizer.json; the same one for the same content."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(content)
