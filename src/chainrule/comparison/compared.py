"""How two bundles compare on rows: metrics paired, classes and slices, the rows that changed sides, the cost."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.comparison.rows import Rows
from chainrule.evaluation.intervals import measured, rounded
from chainrule.evaluation.paired import paired_comparison
from chainrule.evaluation.primary import Facts, Measure, Metrics, Outputs, Primary, gain
from chainrule.evaluation.slices import asked, conditions, finding
from chainrule.release import contest
from chainrule.serving import answered, plain
from chainrule.serving import bundle as bundles
from chainrule.serving.bundle import Bundle, input_fields
from chainrule.serving.limits import Limits
from chainrule.system import plugins
from chainrule.system.errors import DataError

LEAST, MOST = 20, 8
"""Rows of a slice, and slices in which the second model is worse, and in which it is better, that are told."""
CHANGED = 12
"""Rows that changed sides which are shown, each way."""
CLASSES = 30
"""Of more classes, the most frequent."""
_ROWS_TIMED, _SECONDS = 32, 0.5


class Compared(NamedTuple):
    """What was found, as plain data, and for the page, by "worse" and "better": (row, said, said, truth)."""

    numbers: dict[str, Any]
    changed: dict[str, list[tuple[int, str, str, str]]]


class _Task(NamedTuple):
    measure: Measure
    facts: Facts
    one: Outputs
    other: Outputs
    target: np.ndarray
    groups: np.ndarray | None


def compare(rows: Rows, one: Bundle, other: Bundle, *, resamples: int, seed: int) -> Compared:
    """Compare two bundles; "difference" is always by how much the second is better.

    Raises DataError if they are of different tasks, have no class in common, or one takes none of the rows.
    """
    refuse_strangers(one, other)
    task, refused = _answered(rows, one, other)
    frame, (target,) = rows.frame, [field for field in one.fields if field.role == "target"]
    kind = plugins.load("evaluation.mistakes", target.kind)
    bad, worse = (kind.bad(outputs, task.target, task.facts) for outputs in (task.one, task.other))
    fields = plugins.load("fields", target.kind)
    known = asked.of_rows(
        frame,
        [field.name for field in input_fields(one)],
        plugins.load("evaluation.slices.traits", one.signature["modality"]),
        target.name,
        fields,
        LEAST,
    )
    apart, right_or_wrong = worse - bad, hasattr(task.measure, "right")
    found = {
        way: slices_lost(sign * apart, known, task.groups, right_or_wrong)
        for way, sign in (("worse", 1), ("better", -1))
    }
    slices = [
        {"slice": own.words, "second_is": way, "chance": own.chance, **_paired(task, own.rows, resamples, seed)}
        for way, each in found.items()
        for own in each
    ]
    classes_of_rows = fields.classes(frame[target.name].tolist())
    classes = conditions.of_classes(target.name, classes_of_rows, 1)[:CLASSES]
    changed, counts = _changed(task, target.kind, bad, worse)
    numbers = {
        "rows": len(frame),
        "groups": len(set(task.groups.tolist())) if task.groups is not None else len(frame),
        "from": rows.origin,
        "notes": [*rows.notes, *_unknown_to_one(one, other), *_unknown_to_both(classes_of_rows, one, other)],
        "refused": refused,
        "metrics": _every_metric(task, resamples, seed),
        "classes": [{"class": each.words, **_paired(task, each.rows, resamples, seed)} for each in classes],
        "slices": slices,
        "changed": counts,
        "cost": {"first": _cost(one, rows), "second": _cost(other, rows)},
    }
    return Compared(numbers, changed)


def slices_lost(
    apart: np.ndarray, known: Sequence[conditions.Condition], groups: np.ndarray | None, right_or_wrong: bool
) -> list[finding.Slice]:
    """Return the slices in which more is lost than elsewhere; apart [N]: by how much each row lost.

    Where rows are right or wrong few change sides, so that ranks have no normal distribution: those that are lost are
    looked for by the exact test, and of what is found stays where more are lost than won, beyond chance (a sign test).
    """
    from scipy.stats import binomtest

    if not right_or_wrong:
        return finding.find(apart, known, groups, least=LEAST, most=MOST).slices
    lost, won = (apart > 0).astype(np.float64), apart < 0
    found = finding.find(lost, known, groups, least=LEAST, most=MOST).slices

    def net(rows: np.ndarray) -> float:
        more, less = int(lost[rows].sum()), int(won[rows].sum())
        return float(binomtest(more, more + less, alternative="greater").pvalue)

    return [own for own in found if net(own.rows) <= finding.LEVEL]


def refuse_strangers(one: Bundle, other: Bundle) -> None:
    """Raise DataError if two bundles are of different tasks, or have no class in common."""
    tasks = [side.signature.get("task") for side in (one, other)]
    if tasks[0] != tasks[1]:
        raise DataError(f"{one.name} is of task {tasks[0]}, {other.name} of {tasks[1]}: no metric compares them")
    if plain.face(one) is None:
        raise DataError(f"{one.name}: its task {tasks[0]!r} is not known here")
    names = [set(side.signature["target"].get("classes", ())) for side in (one, other)]
    if all(names) and not names[0] & names[1]:
        few = [", ".join(sorted(each)[:5]) for each in names]
        raise DataError(f"{one.name} tells {few[0]}, {other.name} tells {few[1]}: no class in common, nothing compares")


def _unknown_to_one(one: Bundle, other: Bundle) -> list[str]:
    names = [set(side.signature["target"].get("classes", ())) for side in (one, other)]
    return [
        f"only {side.name} knows the classes {', '.join(sorted(own - theirs)[:10])}"
        for side, own, theirs in ((one, names[0], names[1]), (other, names[1], names[0]))
        if own - theirs
    ]


def _unknown_to_both(classes: Sequence[tuple[str, ...]], one: Bundle, other: Bundle) -> list[str]:
    told = {name for side in (one, other) for name in side.signature["target"].get("classes", ())}
    strange = sorted({name for own in classes for name in own} - told) if told else []
    rows = sum(any(name in strange for name in own) for own in classes)
    few = ", ".join(strange[:10]) + (f" and {len(strange) - 10:,} more" if len(strange) > 10 else "")
    return [f"neither knows the classes {few}: both are wrong in {rows:,} rows"] if strange else []


def _answered(rows: Rows, one: Bundle, other: Bundle) -> tuple[_Task, dict[str, int]]:
    """Return what both say of the rows, over the classes of both and of the rows."""
    frame = rows.frame
    answers = [contest.answers(side.folder, frame) for side in (one, other)]
    for side, found in zip((one, other), answers, strict=True):
        if found.refused == len(frame):
            raise DataError(f"{side.name} takes none of the {len(frame):,} {rows.origin}: are its columns others?")
    measure = plugins.load(f"tasks.{one.signature['task']}", "metrics").measure
    (target,) = (field for field in one.fields if field.role == "target")
    kind, values = plugins.load("fields", target.kind), frame[target.name].tolist()
    told = [found.signature["target"] for found in answers]
    facts = measure.joined(told, [name for names in kind.classes(values) for name in names])
    aligned = [measure.aligned(found.outputs, own, facts) for found, own in zip(answers, told, strict=True)]
    groups = frame["group"].to_numpy() if "group" in frame else None
    task = _Task(measure, facts, aligned[0], aligned[1], kind.encode(values, facts), groups)
    return task, {"first": answers[0].refused, "second": answers[1].refused}


def _every_metric(task: _Task, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Return each score of both with the interval of their difference, the same groups drawn for both."""
    from scipy.sparse import csr_array, hstack

    measure, facts = task.measure, task.facts
    parts = [csr_array(measure.statistics(outputs, task.target, facts)) for outputs in (task.one, task.other)]
    width = parts[0].shape[1]
    resampled = getattr(measure, "resampled", None)
    scores = measure.SCORES

    def beside(one: Metrics, other: Metrics) -> Metrics:
        found: Metrics = {}
        for score in scores:
            if score.name in one:
                way = Primary(score.name, score.more_is_better, score.unit)
                found |= {f"first {score.name}": one[score.name], f"second {score.name}": other[score.name]}
                found[f"apart {score.name}"] = gain(way, other[score.name], one[score.name])
        return found

    def draws(index: np.ndarray) -> Any:
        both = [resampled(outputs, task.target, facts, index) for outputs in (task.one, task.other)]  # type: ignore[misc]
        return lambda counts: beside(*(each(counts) for each in both))

    found = measured(
        hstack(parts, format="csr"),
        lambda sums: beside(*(measure.metrics(part, facts) for part in (sums[..., :width], sums[..., width:]))),
        groups=task.groups,
        resamples=resamples,
        seed=seed,
        resampled=draws if resampled else None,
    )
    return [
        {
            "name": score.name,
            "title": score.title,
            "unit": score.unit,
            "more_is_better": score.more_is_better,
            "first": rounded(found.value[f"first {score.name}"]),
            "second": rounded(found.value[f"second {score.name}"]),
            "difference": found.entry(f"apart {score.name}"),
        }
        for score in scores
    ]


def _paired(task: _Task, inside: np.ndarray, resamples: int, seed: int) -> dict[str, Any]:
    """Return PRIMARY of both on some rows, and by how much the second is better there."""
    some = [{name: array[inside] for name, array in outputs.items()} for outputs in (task.other, task.one)]
    groups = None if task.groups is None else task.groups[inside]
    found = paired_comparison(
        task.measure, some[0], some[1], task.target[inside], task.facts, groups=groups, resamples=resamples, seed=seed
    )
    return {
        "rows": int(inside.sum()),
        "first": found["champion"],
        "second": found["challenger"],
        "difference": found["difference"],
    }


def _changed(
    task: _Task, kind: str, bad: np.ndarray, worse: np.ndarray
) -> tuple[dict[str, list[tuple[int, str, str, str]]], dict[str, Any]]:
    """Return the rows that the second answers worse, and better, those that changed most first, and how many."""
    answers = plugins.load("examination.answers", kind)
    said = [answers.said(outputs, task.facts) for outputs in (task.one, task.other)]
    true, apart = answers.true(task.target, task.facts), worse - bad
    found, counts = {}, {}
    for way, sign in (("worse", 1), ("better", -1)):
        places = np.flatnonzero(sign * apart > 0)
        order = places[np.argsort(-sign * apart[places], kind="stable")]
        counts[way] = len(places)
        found[way] = [(row, said[0][row], said[1][row], true[row]) for row in order[:CHANGED].tolist()]
    return found, {**counts, "right_or_wrong": hasattr(task.measure, "right")}


def _cost(side: Bundle, rows: Rows) -> dict[str, Any]:
    """Return the bytes of the fp32 graph, and milliseconds of one thread for a row alone (median, once warm)."""
    limits, feeds = Limits(), []
    for row in rows.frame.head(_ROWS_TIMED).to_dict("records"):
        try:
            feeds.append(plain.prepare(side, row, limits))
        except DataError:
            continue
    run = answered.of_rows(side, answered.sessions(side, "fp32", 1), side.folder)
    taken: list[float] = []
    began = time.monotonic()
    for feed in (*feeds, *feeds):  # once to warm up, once more for the median
        start = time.thread_time()
        run(feed)
        taken.append(time.thread_time() - start)
        if time.monotonic() - began > _SECONDS:
            break
    taken = taken[len(feeds) :] or taken
    size = sum(len(bundles.graph_bytes(side, "fp32", graph)) for graph in side.graphs)
    return {"bytes": size, "milliseconds": round(1000 * float(np.median(taken)), 3) if taken else None}
