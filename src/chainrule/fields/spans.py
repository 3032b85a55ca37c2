"""A target that is parts of a text with a label each: a JSON list of [start, end, label] in the rows.

Places are counted in Unicode code points of the text, the end is the first one behind. Spans do not overlap and are in
order. In training a row's spans are label, start and end, so that every tokenizer finds its own tokens in them.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.fields import offsets, tags
from chainrule.fields.measured import Measured
from chainrule.fields.names import Renaming, doubts, tidy, too_many
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

DTYPE = "str"
ONE = "a list of spans"
STRATUM = "label"
"""What one of `strata` is called in messages."""
MIN_ROWS = 2
"""Rows that every label needs."""
NONE = "(none)"
"""The stratum of rows without a span."""

Read = list[tuple[int, int, str]]


def absent(value: Any) -> bool:
    """Whether a cell holds nothing, or blanks alone; an empty list is an answer: no span."""
    return value is None or value != value or not str(value).strip()


def written(spans: Collection[tuple[int, int, str]]) -> str:
    """Return spans as rows hold them: the same spans give the same text."""
    return json.dumps(sorted([start, end, label] for start, end, label in spans), ensure_ascii=False)


def read(value: str) -> Read:
    """Return the spans (start, end, label) that a row's value holds."""
    return [(start, end, label) for start, end, label in json.loads(value)]


def tidied(met: Collection[str]) -> dict[str, str | None]:
    """Return each list that was met with its labels as they are to be written; one that cannot be read stays."""
    return {raw: _renamed(raw, tidy) for raw in met}


def united(met: Collection[str], known: Collection[str] = ()) -> dict[str, str]:
    """Return nothing: a label of a span is hardly a number."""
    return {}


def _readable(raw: str) -> Read | None:
    """Return the spans of a list as a source gives it; None where it is no list of spans."""
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(found, list):
        return None
    for each in found:
        if not (isinstance(each, list) and len(each) == 3 and isinstance(each[2], str) and each[2].strip()):
            return None
        if not all(type(end) is int for end in each[:2]):
            return None
    return [(start, end, label) for start, end, label in found]


def _renamed(raw: str, rename: Callable[[str], str]) -> str:
    before = _readable(raw)
    if before is None:
        return raw
    after = [(start, end, rename(label)) for start, end, label in before]
    return raw if after == before else json.dumps(after, ensure_ascii=False)


def normalise(raw: str) -> tuple[str, list[str]]:
    """Return the spans as rows hold them, and what had to be repaired.

    `raw` is a JSON list of [start, end, label]. Raises Reject: unreadable_spans, inverted_span (its end is not behind
    its start), span_outside_text (before it), overlapping_spans.
    """
    found = _readable(raw)
    if found is None:
        raise Reject("unreadable_spans", f"{raw[:60]!r} is no list of [start, end, label]")
    own = sorted(set(found))
    for start, end, label in own:
        if end <= start:
            raise Reject("inverted_span", f"{label} from {start} to {end}")
        if start < 0:
            raise Reject("span_outside_text", f"{label} from {start} to {end}")
    for (start, end, label), (begins, ends, other) in pairwise(own):
        if begins < end:
            raise Reject("overlapping_spans", f"{label} from {start} to {end} and {other} from {begins} to {ends}")
    return written(own), ["repeated_span"] if len(own) < len(found) else []


def located(value: str, before: str, after: str) -> tuple[str, list[str]]:
    """Return the spans of a text where they are once cleaning has made another of it, and what had to be repaired.

    Raises Reject: span_outside_text, for one that ends behind the text before.
    """
    own = read(value)
    if wrong := next((span for span in own if span[1] > len(before)), None):
        start, end, label = wrong
        raise Reject("span_outside_text", f"{label} from {start} to {end} of {len(before)} characters")
    places = offsets.moved(before, after, [(start, end) for start, end, _ in own])
    kept: Read = []
    for place, (_, _, label) in zip(places, own, strict=True):
        if place is not None and (not kept or kept[-1][1] <= place[0]):  # two may have become one
            kept.append((*place, label))
    repairs = ["lost_span"] if len(kept) < len(own) else []
    if [span[:2] for span in kept] != [span[:2] for span in own]:
        repairs.append("moved_span")
    return written(kept), repairs


def altered(value: str, text: str, alter: Callable[[str], str]) -> tuple[str, str]:
    """Return an altered copy of a text, and its spans: these stay whole, what stands between them is altered."""
    parts, moved, at = [], [], 0
    length = 0
    for start, end, label in [*read(value), (len(text), len(text), "")]:
        between = text[at:start]
        changed = _around(between, alter)
        parts += [changed, text[start:end]]
        length += len(changed)
        if label:
            moved.append((length, length + end - start, label))
        length += end - start
        at = end
    return "".join(parts), written(moved)


def _around(text: str, alter: Callable[[str], str]) -> str:
    """Return a text altered, with the blanks at its ends as they were."""
    bare = text.strip()
    if not bare:
        return text
    lead = text[: len(text) - len(text.lstrip())]
    return f"{lead}{alter(bare)}{text[len(text.rstrip()) :]}"


def renamed(value: str, rename: Renaming) -> tuple[str, list[str]]:
    """Return the spans with their labels as the recipe calls them, without those it drops; and whether any changed."""
    own = [(start, end, rename(label)) for start, end, label in read(value)]
    found = written([(start, end, label) for start, end, label in own if label is not None])
    return found, ["renamed_label"] if found != value else []


def contradictory(values: Collection[str]) -> bool:
    """Whether the same text cannot have all of these spans: their labels, in order, differ."""
    return len({tuple(label for *_, label in read(value)) for value in values}) > 1


def classes(values: Sequence[str]) -> list[tuple[str, ...]]:
    """Return what a model must have met to give each answer: the labels of its spans."""
    return [tuple(sorted({label for *_, label in read(value)})) for value in values]


def strata(values: Sequence[str]) -> list[str]:
    """Return what splits keep in proportion: of each row the label that is rarest in all rows, or NONE."""
    sets = classes(values)
    often = Counter(name for each in sets for name in each)
    return [min(each, key=lambda name: (often[name], name)) if each else NONE for each in sets]


def unlearnable(values: Sequence[str]) -> str:
    """Return why nothing can be learnt from these spans, or ""."""
    if any(read(value) for value in values):
        return ""
    return "all without a span, and some need one" if len(values) else "none, and some rows need spans"


def refusal(values: Sequence[str]) -> str:
    """Return why these are hardly spans, or ""."""
    labels = [label for value in values for *_, label in read(value)]
    return too_many(set(labels), len(labels))


def warnings(values: Collection[str]) -> list[str]:
    """Return which labels are likely a mistake, in words."""
    return doubts({name for each in classes(list(values)) for name in each})


def expectations(column: str, values: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return what clean rows must fulfil; `values` are those of the labelled ones."""
    return [("expect_column_values_to_be_between", {"column": "rows_of_class", "min_value": MIN_ROWS})]


def fit(values: Sequence[str]) -> dict[str, Any]:
    """Return what encoding needs: {"classes": the labels that occur, sorted}."""
    return {"classes": sorted({name for each in classes(values) for name in each})}


def encode(values: Sequence[str], facts: Mapping[str, Any]) -> np.ndarray:
    """Return int32 [N, S, 3], label, start and end of each span, filled up with -1; DataError for an unknown label."""
    number = {name: place for place, name in enumerate(facts["classes"])}
    sets = [read(value) for value in values]
    if strange := sorted({label for own in sets for *_, label in own if label not in number}):
        raise DataError(f"label {strange[0]!r} is none of {', '.join(number)}: train again on rows that have it")
    return tags.encoded([[(number[label], start, end) for start, end, label in own] for own in sets])


def decode(encoded: np.ndarray, facts: Mapping[str, Any]) -> list[str]:
    """Return the spans of int [N, S, 3] as rows hold them."""
    names = facts["classes"]
    return [written([(span.start, span.end, names[span.label]) for span in own]) for own in tags.listed(encoded)]


def answered(outputs: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the spans that logits and places say, and how sure they are: {"confidence": the least sure word's [N]}."""
    found = tags.rows(outputs)
    sets = [[span[:3] for span in tags.spans(own)] for own in found]
    sure = [float(np.exp(own.scores.max(axis=1).min(initial=0.0))) if len(own.scores) else 1.0 for own in found]
    return decode(tags.encoded(sets), facts), {"confidence": np.array(sure)}


def compared(values: Sequence[str], facts: Mapping[str, Any]) -> tuple[list[str] | None, Measured]:
    """Return what drift compares of spans: how many a row has, how long they are, and of which labels."""
    sets = [read(value) for value in values]
    many = np.array([len(own) for own in sets], np.float64)
    mean = np.array([np.mean([end - start for start, end, _ in own]) if own else 0.0 for own in sets], np.float64)
    has = np.array([[name in {label for *_, label in own} for name in facts["classes"]] for own in sets], np.float64)
    return None, Measured({"how many": many, "characters of a span": mean}, {"": has}, None)
