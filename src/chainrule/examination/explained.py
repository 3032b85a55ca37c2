"""Why the model said what it said of a few rows, right and wrong ones, and whether the explanations can be believed."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer

from chainrule.evaluation import page
from chainrule.evaluation.explanation import integrated_gradients as integrated
from chainrule.evaluation.explanation.divided import Arrays, Parts
from chainrule.evaluation.explanation.methods import METHODS
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table, Word
from chainrule.examination import maps
from chainrule.examination.looked import Looked
from chainrule.examination.weighing import GRADIENTS, TITLES, Explained, explained, rank_correlation, shuffled
from chainrule.system import plugins
from chainrule.training.rows import decoded, named

_LIKE = 0.5
"""From this rank correlation on, a map hardly depends on what the model has learnt."""
_TOLD = {
    "occlusion": "Occlusion: what is lost where a part is hidden, {hiding}.",
    "shap": "SHAP: the part's share in what is said, over all orders in which parts, {hiding}, might come back.",
    "lime": "LIME: the slope of a straight line through rows of which parts are hidden, {hiding}.",
}

_ADDING_UP = (
    "Off from adding up: how far a row's weights are from what the model says of it beyond a row that says nothing. "
    "SHAP adds up by construction; occlusion and LIME need not."
)
_SHUFFLED = (
    "Like shuffled weights: rank correlation with the map of a model whose weights were shuffled, mean over the rows. "
    "Near 0, the map shows what was learnt (Adebayo et al. 2018)."
)


class Row(NamedTuple):
    """A row that is explained: where it is among the rows, which answer, its parts, and what each method says."""

    at: int
    right: bool
    place: int
    inputs: Arrays
    parts: Parts
    found: Mapping[str, Explained]


def part(looked: Looked) -> Part | None:
    """Return rows with the weights of their parts by each method; None where no rows are asked for."""
    if not looked.settings.explained:
        return None
    looked.model.cpu()
    spent: dict[str, float] = {}
    rows = [_explained(looked, looked.model, at, right, spent) for at, right in chosen(looked)]
    if not rows:
        raise NotShownError("no row has a part that could be hidden.")
    other = shuffled(looked.model, looked.seed)
    gone = [_explained(looked, other, row.at, row.right, {}, row.place).found for row in rows]
    costs = ", ".join(f"{TITLES[name]} {1e3 * seconds / len(rows):.0f} ms" for name, seconds in spent.items())
    looked.say(f"explained {len(rows)} rows, of each: {costs}")
    checks = {
        name: _checked([(row.found[name], lost[name]) for row, lost in zip(rows, gone, strict=True)]) for name in TITLES
    }
    numbers = {"rows": [_numbers(looked, row) for row in rows], "checks": checks}
    sheets = "".join(_sheet(looked, row) for row in rows)
    return Part("Explanations", f"<style>{maps.STYLE}</style>{_intro(looked, rows[0], checks)}{sheets}", numbers)


def chosen(looked: Looked) -> list[tuple[int, bool]]:
    """Return which rows are explained, and whether they were answered right; about half are the worst wrong ones.

    Where every row is more or less wrong, such as numbers, the nearest ones stand for right.
    """
    facts = looked.card["target_facts"]
    worst = [each.row for each in looked.figures.worst(looked.outputs, looked.target, facts, len(looked.rows)).rows]
    wrong = worst[: looked.settings.explained // 2]
    others = np.setdiff1d(np.arange(len(looked.rows)), worst)
    if len(others):
        count = min(looked.settings.explained - len(wrong), len(others))
        right = np.random.default_rng(looked.seed).choice(others, count, replace=False).tolist()
    else:
        right = worst[len(wrong) :][::-1][: looked.settings.explained - len(wrong)]
    return [*((row, True) for row in right), *((row, False) for row in wrong)]


def _explained(
    looked: Looked, model: Any, at: int, right: bool, spent: dict[str, float], place: int | None = None
) -> Row:
    index = torch.tensor([at])
    names = model.inputs
    batch = looked.inputs.take(index, None)
    target = plugins.load("evaluation.explanation.targets", looked.card["target"])
    if place is None:
        place = int(target.likeliest({name: array[at : at + 1] for name, array in looked.outputs.items()})[0])
    inputs = _unpadded({name: batch[name].numpy() for name in names})
    parts = _divided(looked, at, inputs)
    found = explained(model, looked.card, inputs, parts, place, looked.settings, looked.seed, spent)
    return Row(at, right, place, inputs, parts, found)


def _unpadded(inputs: Arrays) -> Arrays:
    """Return one row's inputs without what fills a text up; of windows, without what fills up all of them."""
    if "attention_mask" not in inputs:
        return inputs
    mask = inputs["attention_mask"]
    longest = int(mask.sum(axis=-1).max())
    places = (slice(None),) * (mask.ndim - 1)
    return {name: array[*places, :longest] for name, array in inputs.items()}


def _divided(looked: Looked, at: int, inputs: Arrays) -> Parts:
    """Return the parts of a row, as many as every method may tell apart in the runs that it has."""
    kind = plugins.load("evaluation.explanation.parts", looked.card["modality"])
    most = min(method.most(looked.settings.explain_runs) for method in METHODS.values())
    row = looked.rows.iloc[[at]]
    values = {name: each[0] for name, each in zip(named(looked.card, "input"), decoded(row, looked.card), strict=True)}
    words = Tokenizer.from_str(looked.facts["tokenizer"]) if "tokenizer" in looked.facts else None
    parts: Parts = kind.divide(inputs, values, looked.facts, words, most)
    return parts


def _checked(pairs: list[tuple[Explained, Explained]]) -> dict[str, Any]:
    """Return how far a method is from adding up, and how like its maps are to those of shuffled weights."""
    return {
        "deviation": [round(own.deviation, 5) for own, _ in pairs],
        "correlation": round(float(np.mean([rank_correlation(_map(own), _map(lost)) for own, lost in pairs])), 3),
        "correlation_of_sizes": round(
            float(np.mean([rank_correlation(np.abs(_map(own)), np.abs(_map(lost))) for own, lost in pairs])), 3
        ),
    }


def _map(found: Explained) -> np.ndarray:
    return found.weights if found.places is None else found.places


def _numbers(looked: Looked, row: Row) -> dict[str, Any]:
    return {
        "id": str(looked.rows["id"].iloc[row.at]),
        "right": row.right,
        "explained": _answer(looked, row.place),
        "weights": {name: [round(weight, 5) for weight in each.weights.tolist()] for name, each in row.found.items()},
        "steps": row.found[GRADIENTS].steps,
    }


def _answer(looked: Looked, place: int) -> str:
    classes = looked.card["target_facts"].get("classes")
    return classes[place] if classes else named(looked.card, "target")[0]


def _intro(looked: Looked, row: Row, checks: Mapping[str, Any]) -> str:
    target = plugins.load("evaluation.explanation.targets", looked.card["target"])
    way = plugins.load("evaluation.explanation.paths", looked.card["modality"])
    told = [
        f"A part with + speaks for what the model said, one with − against it. What is weighed is {target.SAID}.",
        f"Integrated gradients: what is gained on the straight way from {way.BASELINE} to the row.",
        *(words.format(hiding=row.parts.hiding) for words in _TOLD.values()),
    ]
    heads = (Word(""), "off from adding up: worst row", "like shuffled weights", "the same without signs")
    lines = [
        (
            Word(TITLES[name]),
            f"{max(each['deviation']):.1%}",
            f"{each['correlation']:+.2f}",
            f"{each['correlation_of_sizes']:+.2f}",
        )
        for name, each in checks.items()
    ]
    notes = [
        _ADDING_UP,
        _SHUFFLED,
        *_doubts(checks),
    ]
    listed = "".join(f"<li>{escape(each)}</li>" for each in told)
    return f'<ul class="note">{listed}</ul>{page.table(Table("", heads, lines, notes))}'


def _doubts(checks: Mapping[str, Any]) -> Iterator[str]:
    for name, each in checks.items():
        if each["correlation"] > _LIKE:
            yield f"{TITLES[name]}: the maps hardly depend on what the model has learnt; do not read them as reasons."
    if (worst := max(checks[GRADIENTS]["deviation"])) > integrated.COMPLETE:
        yield f"Integrated gradients do not add up to {integrated.COMPLETE:.0%} in some row ({worst:.1%} off)."


def _said(looked: Looked, at: int) -> str:
    one = {output: array[at : at + 1] for output, array in looked.outputs.items()}
    (said,) = plugins.load("examination.answers", looked.card["target"]).said(one, looked.card["target_facts"])
    return str(said)


def _sheet(looked: Looked, row: Row) -> str:
    (name,) = named(looked.card, "target")
    truth = looked.rows[name].iloc[row.at]
    truth = ", ".join(map(str, truth)) if isinstance(truth, list | tuple | np.ndarray) else str(truth)
    classes = looked.card["target_facts"].get("classes")
    said = _answer(looked, row.place) if classes else _said(looked, row.at)
    verdict = "right" if row.right else "wrong"
    head = f'<span dir="auto">{escape(said)}</span> ({verdict}; it is <span dir="auto">{escape(truth)}</span>)'
    note = f'<p class="note">{escape(row.parts.note)}</p>' if row.parts.note else ""
    (field, *_) = named(looked.card, "input")
    shown = maps.sheet(looked.card["modality"], looked.rows[field].iloc[row.at], row.parts, row.found, TITLES)
    return f'<article class="why"><h3>Said: {head}</h3>{shown}{note}</article>'
