"""Builds an ensemble: weights, one graph that is proven to answer as its members do, a bundle like any other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.ensembles import comparison, merging
from chainrule.ensembles.members import Ensemble
from chainrule.evaluation import primary
from chainrule.evaluation.primary import Measure, Outputs
from chainrule.exporting import bundle, signature
from chainrule.recipes.evaluate import Uncertainty
from chainrule.serving import bundle as bundles
from chainrule.serving import offline, plain, store
from chainrule.serving.bundle import Bundle
from chainrule.serving.limits import Limits
from chainrule.system import plugins, processes
from chainrule.system.errors import ChainruleError, DataError
from chainrule.system.files import read_json, remove, write_json

SAME = 1e-5
"""Most by which the one graph may differ from its members: in probability, or in standard deviations of the target."""
SEED = 0
SHARED = ("task", "modality", "fields", "preprocessing", "primary", "padding", "versions")
"""What an ensemble's signature has of its members'."""


def refuse_name(root: Path, name: str, recipes: set[str]) -> None:
    """Raise DataError for a name that is no name, that of a recipe, or of a bundle that is no ensemble."""
    if not store.is_name(name):
        raise DataError(f"{name!r} is no name of a model: letters, digits, dots, dashes and underscores")
    if name in recipes:
        raise DataError(f"{name} is a recipe, whose bundle `export` writes: name the ensemble otherwise")
    found = root / store.EXPORTED / name / bundle.SIGNATURE
    if found.is_file() and "members" not in read_json(found):
        raise DataError(f"{found.parent} is the bundle of a model that is no ensemble: name the ensemble otherwise")


def build(root: Path, name: str, ensemble: Ensemble, stacked: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Write the bundle models/onnx/<name> and reports/<name>/ensemble.json; return what that says.

    Raises ChainruleError if the one graph answers otherwise than its members.
    """
    first = ensemble.signature
    kind = plugins.load("ensembles", first["target"]["kind"])
    measure = plugins.load(f"tasks.{first['task']}", "metrics").measure
    facts = first["target"]
    (field,) = (field for field in first["fields"] if field["role"] == "target")
    encode, values = plugins.load("fields", field["kind"]).encode, ensemble.rows[field["name"]].tolist()
    target = encode(values, facts)
    groups = ensemble.rows["group"].to_numpy()
    say(f"asks {len(ensemble.members)} members about {len(target):,} validation rows")
    inputs = _inputs(ensemble)
    said = {
        member.name: _answers(bundles.graph_bytes(member, bundle.REFERENCE), inputs, member)
        for member in ensemble.members
    }
    told = comparison.fitted(kind, list(said.values()), target, facts, stacked)
    weighs, known = told.weights, told.constants
    kept = [(member, weight) for member, weight in zip(ensemble.members, weighs, strict=True) if weight > 0]
    graph = merging.merged(
        [bundles.graph_bytes(member, bundle.REFERENCE) for member, _ in kept],
        [member.name for member, _ in kept],
        kind,
        np.array([weight for _, weight in kept]),
        known,
    )
    content = graph.SerializeToString(deterministic=True)
    one = _answers(content, inputs, ensemble.members[0])
    apart = _difference(measure, one, kind.answers(list(said.values()), weighs, known), facts)
    if not apart <= SAME:  # not: a NaN must fail
        raise ChainruleError(f"the one graph differs from its members by {apart:.1e}; {SAME:g} is rounding")
    joint = measure.joined([member.signature["target"] for member in ensemble.members], [])
    crossed = comparison.crossed(kind, measure, list(said.values()), target, facts, joint, groups, stacked)
    alone = {
        member.name: measure.aligned(said[member.name], member.signature["target"], joint)
        for member in ensemble.members
    }
    report = {
        "members": {
            member.name: {"weight": round(float(weight), 6), "digest": member.digest}
            for member, weight in zip(ensemble.members, weighs, strict=True)
        },
        "weights": "stacked" if stacked else "mean",
        **{key: round(value, 6) for key, value in known.items()},
        "rows": len(target),
        "bytes": len(content),
        "max_difference": apart,
        "primary": primary.plain(measure.PRIMARY),
        "value": _value(measure, crossed, encode(values, joint), joint),
        "compared": comparison.compared(measure, crossed, alone, encode(values, joint), joint, groups, SEED),
    }
    asked = first.get("uncertainty", Uncertainty().model_dump())
    doubt = plugins.load("evaluation.uncertainty", facts["kind"]).fit(one, target, asked)
    _write(root, name, ensemble, graph, content, report, {"target": told.facts, "uncertainty": doubt})
    return report


def _inputs(ensemble: Ensemble) -> list[offline.Arrays]:
    """Return every row as all members take it: as the first one's server would make it."""
    limits = Limits()
    return [plain.prepare(ensemble.members[0], row, limits) for row in ensemble.rows.to_dict("records")]


def _answers(graph: bytes, inputs: list[offline.Arrays], member: Bundle) -> dict[str, np.ndarray]:
    session = offline.session(graph, member.name, processes.available_cores())
    found = offline.answers(offline.runner(session, member.name), inputs, member.padding)
    offline.refuse_not_finite(found, member.name)
    return found


def _difference(measure: Any, ours: Outputs, theirs: Outputs, facts: dict[str, Any]) -> float:
    return float(np.abs(measure.comparable(ours, facts) - measure.comparable(theirs, facts)).max())


def _value(measure: Measure, outputs: Outputs, target: np.ndarray, facts: dict[str, Any]) -> float | None:
    found = primary.value(measure, outputs, target, facts)
    return None if np.isnan(found) else round(found, 6)


def _write(
    root: Path,
    name: str,
    ensemble: Ensemble,
    graph: Any,
    content: bytes,
    report: dict[str, Any],
    own: dict[str, Any],
) -> None:
    """Put bundle and report in their places; a bundle of this name that was there is replaced whole."""
    first = ensemble.signature
    said: dict[str, Any] = {
        "version": signature.VERSION,
        "recipe": name,
        **{key: first[key] for key in SHARED if key in first},
        "net": {"name": "ensemble"},
        "members": [
            {
                "name": member.name,
                **report["members"][member.name],
                "net": member.signature.get("net"),
                "base": member.signature.get("base"),
            }
            for member in ensemble.members
        ],
        "inputs": signature.tensors(graph.graph.input),
        "outputs": signature.tensors(graph.graph.output),
        **own,
        "variants": {bundle.REFERENCE: {"file": bundle.GRAPH, "bytes": len(content), "primary": report["value"]}},
    }
    place = root / store.EXPORTED / name
    partial = place.parent / ".partial" / name
    remove(partial)
    partial.parent.mkdir(parents=True, exist_ok=True)
    bundle.write(partial, content, said, card(name, ensemble, report), ensemble.members[0].tokenizer)
    reports = root / "reports" / name
    reports.mkdir(parents=True, exist_ok=True)
    write_json(reports / "ensemble.json", report)
    old = partial.with_name(f"{name}.old")
    remove(old)
    if place.exists():
        place.rename(old)
    partial.rename(place)
    remove(old)


def card(name: str, ensemble: Ensemble, report: dict[str, Any]) -> str:
    """Return the model card of an ensemble in Markdown."""
    first = ensemble.signature
    unit, decides = report["primary"]["unit"], primary.words(report["primary"]["name"])
    rows = "\n".join(
        f"| {member} | {told['weight']:.3f} | {primary.number(unit, found['champion'])} | "
        f"{primary.change(unit, found['difference'])} |"
        for (member, told), found in zip(report["members"].items(), report["compared"].values(), strict=True)
    )
    how = "a weighted mean" if report["weights"] == "stacked" else "the mean"
    own = primary.number(unit, report["value"])
    return f"""# {name}

An ensemble: {how} of the answers of {len(report["members"])} models, in one graph.

Task: {first["task"]}.

## Members

On {report["rows"]:,} validation rows the {decides} of the ensemble is {own}, by weights that the other half of the
groups told. By how much it is better than each member has a 95% interval from a bootstrap over groups, on the same
rows.

| member | weight | {decides} | the ensemble is better by |
|---|---|---|---|
{rows}

The one graph differs from the mean of its members by at most {report["max_difference"]:.1e}.

## Limits

Nobody has asked it about test rows: the members' cards say what each of them is worth there. Nothing is known of inputs
of another kind.
"""


def in_words(report: dict[str, Any]) -> list[str]:
    """Return what was built, a line each."""
    unit, decides = report["primary"]["unit"], primary.words(report["primary"]["name"])
    told = f"{decides} {primary.number(unit, report['value'])}{primary.of_unit(unit)}"
    apart = f"differs from its members by at most {report['max_difference']:.1e}"
    lines = [f"{told} on {report['rows']:,} validation rows; {apart}"]
    for member, found in report["compared"].items():
        change = primary.change(unit, found["difference"])
        own = primary.number(unit, found["champion"])
        weight = report["members"][member]["weight"]
        lines.append(f"{member}: weight {weight:.3f}, {own}; the ensemble is better by {change}")
    return lines
