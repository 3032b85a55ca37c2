"""What a model is, for who is to decide on it: MODEL_CARD.md, and the same for machines."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from chainrule.data.losses import Losses
from chainrule.evaluation import primary, quality
from chainrule.evaluation.primary import Measure, Primary

OPERATIONS_PER_JOULE = 1e9
"""A desktop's processor: some 20,000 million operations a second and core, at some 20 watts. A GPU does tens of times
as many."""
# The hub's names of what a model is for, by the kinds of its inputs and of its target.
_PIPELINES = {
    ("audio", "label"): "audio-classification",
    ("image", "label"): "image-classification",
    ("image", "labels"): "image-classification",
    ("text", "label"): "text-classification",
    ("text", "labels"): "text-classification",
    ("table", "label"): "tabular-classification",
    ("table", "number"): "tabular-regression",
}
# The hub's names of metrics, where they are others.
_METRICS = {
    "macro_f1": "f1",
    "macro_precision": "precision",
    "macro_recall": "recall",
    "mean_absolute_error": "mae",
    "root_mean_squared_error": "rmse",
}


def effort(history: Sequence[Mapping[str, Any]], rows: int, weights: int, operations: float) -> dict[str, Any]:
    """Return what a training took, as far as it follows from its inputs: no time is in it.

    history: a line for each epoch, with its phase; rows: of an epoch, copies included; operations: of one answer. A
    step of training costs about three answers (Kaplan et al. 2020, arXiv:2001.08361, section 2.1).
    """
    epochs = dict(Counter(str(line["phase"]) for line in history))
    total = 3.0 * operations * rows * sum(epochs.values())
    return {
        "rows": rows,
        "weights": weights,
        "epochs": epochs,
        "operations_per_answer": operations,
        "operations": total,
        "kilowatt_hours": total / OPERATIONS_PER_JOULE / 3.6e6,
    }


def metadata(
    recipe: str, signature: Mapping[str, Any], source: Mapping[str, Any], report: Mapping[str, Any], measure: Measure
) -> dict[str, Any]:
    """Return the metadata of a card as the Hugging Face hub has it (github.com/huggingface/hub-docs, modelcard.md).

    The arguments are those of `model_card`. What nobody has stated, such as the licence of a model whose base has none,
    is not made up.
    """
    base, kinds = signature["base"], (signature.get("modality", ""), signature["target"]["kind"])
    pipeline = _PIPELINES.get(kinds, str(signature["task"]).replace("_", "-"))
    data = " ".join(str(source.get("name") or source.get("source") or recipe).split())
    licence = base.get("licence") if base["from"] != "nothing" else None
    known = [score for score in measure.SCORES if report["test"].get(score.name, {}).get("value") is not None]
    scores = [
        {
            "type": _METRICS.get(score.name, score.name),
            "name": score.title,
            "value": report["test"][score.name]["value"],
            "args": {"low": report["test"][score.name]["low"], "high": report["test"][score.name]["high"]},
        }
        for score in known
    ]
    result = {
        "task": {"type": pipeline, "name": str(signature["task"]).replace("_", " ")},
        "dataset": {"type": data, "name": data, "split": "test"},
        "metrics": scores,
    }
    return {
        **({"license": str(licence)} if licence else {"license": "other", "license_name": "not-stated"}),
        "library_name": "onnx",
        "pipeline_tag": pipeline,
        "tags": ["chainrule", str(signature["task"]), str(signature["net"]["name"])],
        "datasets": [data],
        **({"base_model": str(base["name"])} if base["from"] != "nothing" and base.get("name") else {}),
        "metrics": list(dict.fromkeys(entry["type"] for entry in scores)),
        "model-index": [{"name": recipe, "results": [result]}],
    }


def data(
    recipe: str,
    signature: Mapping[str, Any],
    source: Mapping[str, Any],
    report: Mapping[str, Any],
    measure: Measure,
    variants: Mapping[str, Any],
    lost: Losses,
    settings: Mapping[str, Any],
    fair: Mapping[str, Any],
    training: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what the card says as plain data; the arguments are those of `model_card`."""
    names = [score.name for score in measure.SCORES] + ["rows", "groups", "resamples"]

    def told(scores: Mapping[str, Any]) -> dict[str, Any]:
        return {name: scores[name] for name in names if name in scores}

    return {
        "recipe": recipe,
        "task": signature["task"],
        "modality": signature["modality"],
        "net": signature["net"],
        "base": signature["base"],
        "target": signature["target"],
        "data": {**source, "rows": lost.raw, "left_out": lost.lost, "left_out_by_reason": lost.reasons},
        "primary": primary.plain(measure.PRIMARY),
        "scores": told(report["test"]),
        "floors": {name: told(scores) for name, scores in report["floor"].items()},
        "uncertainty": report.get("uncertainty"),
        "groups": dict(fair),
        "variants": dict(variants),
        "training": dict(training),
        "settings": dict(settings),
        "metadata": metadata(recipe, signature, source, report, measure),
    }


def _front_matter(found: Mapping[str, Any]) -> str:
    written = yaml.safe_dump(dict(found), sort_keys=False, allow_unicode=True, width=10**6)
    return f"---\n{written}---\n"


def model_card(
    recipe: str,
    signature: dict[str, Any],
    source: dict[str, Any],
    report: dict[str, Any],
    measure: Measure,
    variants: Mapping[str, Mapping[str, Any]] | None = None,
    lost: Losses | None = None,
    settings: Mapping[str, Any] | None = None,
    doubt: Sequence[tuple[str, str, str]] = (),
    fair: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
) -> str:
    """Return a model card (Mitchell et al. 2019, arXiv:1810.03993) in Markdown, with the hub's metadata above it.

    source: what ingest knows of the data; report: content of reports/<recipe>/metrics.json; measure: the metrics of the
    task; variants: by name, what reports/<recipe>/export.json says of each; lost: the source's rows that are in no
    split; settings: the values in force that made the model, by section of params.yaml; doubt: of an answer's doubt
    what, what was asked for, and what test rows say; fair: content of reports/<recipe>/fairness.json; training: what
    `effort` says.
    """
    test = report["test"]
    named = {"this model": test, **{f"{name} (floor)": scores for name, scores in report["floor"].items()}}
    shown = primary.shown(measure)
    table = "\n".join(
        " | ".join([f"| {name}", *(primary.interval(score.unit, scores[score.name]) for score in shown)]) + " |"
        for name, scores in named.items()
    )
    heads = " | ".join(f"{_mid_sentence(score.title)}" for score in shown)
    classes = signature["target"].get("classes")
    answers = f"Labels: {', '.join(classes)}" if classes else f"Answers with: {signature['target']['kind']}"
    about = "".join(f"- {key}: {' '.join(str(value).split())}\n" for key, value in source.items())
    if lost is not None:
        about += f"- rows: {lost}\n"
    more = "".join(
        (
            _doubt_section(doubt),
            _groups_section(fair or {}, measure),
            _variants_section(variants or {}, measure.PRIMARY),
            _training_section(training),
            _settings_section(settings or {}),
        )
    )
    return f"""{_front_matter(metadata(recipe, signature, source, report, measure))}# {recipe}
{_standing(report, measure.PRIMARY)}{_loss(lost)}
Task: {signature["task"]}. Net: {signature["net"]["name"]}. {answers}.

## Intended use

To answer as the rows of its data were answered, for inputs of their kind. It was not made, nor tested, for rows of
another source, nor to decide about people without one of them looking.

## Data

{about}{_base_section(signature["base"])}
## Scores

On {test["rows"]:,} test rows in {test["groups"]:,} groups, with 95% intervals from a bootstrap over groups.
The floors are simple models trained on the same training rows: what a model has to beat to be worth serving.

{_decides(measure)}

| model | {heads} |
|---|{"---|" * len(shown)}
{table}
{more}
## Limits

The scores hold for rows like those of the test split. {measure.CALIBRATED} Nothing is known of inputs of another kind.

## Licence

The data: {source.get("licence") or "not stated"}. {_base_licence(signature["base"])}What they allow is for whoever
passes the model on to say.
"""


def _base_licence(base: Mapping[str, Any]) -> str:
    if base["from"] == "nothing":
        return "The weights started from random numbers. "
    return f"The weights that training started from: {base['licence'] or 'not stated'}. "


def _groups_section(fair: Mapping[str, Any], measure: Measure) -> str:
    if not fair:
        return ""
    lines = "\n".join(f"- {by}: {_gap(by, found, measure)}" for by, found in fair.items())
    return f"""
## Groups

How far the best group of test rows is from the worst, with 95% intervals; groups of few rows are left out.

{lines}
"""


def _gap(by: str, found: Mapping[str, Any], measure: Measure) -> str:
    if "not_shown" in found:
        return str(found["not_shown"])
    decisive = measure.PRIMARY
    gap = found["gaps"].get(decisive.name)
    name = primary.words(decisive.name)
    if gap is None:
        return f"no two groups have rows enough for a gap of {name}"
    ends = (
        f"{gap[end]} {primary.number(decisive.unit, found['groups'][gap[end]][decisive.name]['value'])}"
        for end in ("best", "worst")
    )
    small = f"; too small: {', '.join(found['small'][:5])}" if found["small"] else ""
    return f"gap of {name} {primary.interval(decisive.unit, gap)}, {' against '.join(ends)}{small}"


def _training_section(training: Mapping[str, Any] | None) -> str:
    if training is None:
        return ""
    epochs = ", ".join(f"{count} of {phase}" for phase, count in training["epochs"].items())
    return f"""
## Training and energy

- rows: {training["rows"]:,}
- weights: {training["weights"]:,}
- epochs: {epochs}
- operations: about {training["operations"]:.2g}, three times those of an answer for each row and epoch
- energy: {training["kilowatt_hours"]:.1g} kWh at least, for the operations alone at {OPERATIONS_PER_JOULE:.0g} of them
  per joule; a small net spends many times as much on what is around them, and searches before this training come on top
"""


def _doubt_section(doubt: Sequence[tuple[str, str, str]]) -> str:
    if not doubt:
        return ""
    rows = "\n".join(f"| {what} | {asked} | {found} |" for what, asked, found in doubt)
    return f"""
## Doubt

What an answer says of its doubt, by lines that validation rows drew, and what that is worth on the test rows. It holds
for rows drawn as these were, taken together: not for each class or each kind of row.

| what | asked | test rows |
|---|---|---|
{rows}
"""


def _base_section(base: Mapping[str, Any]) -> str:
    """Say what the training started from."""
    if base["from"] == "nothing":
        return ""
    said = {
        "from": base["from"],
        "name": base["name"],
        "source": base["source"],
        "revision": base["revision"],
        "licence": base["licence"] or "not stated",
        **{f"sha256 of {name}": digest for name, digest in base["files"].items()},
    }
    lines = "\n".join(f"- {name}: {value}" for name, value in said.items() if value is not None)
    how = "learnt from the answers of a model" if base["teacher"] else "started from the weights of a model"
    return f"""
## Base

Training {how} that was there before.

{lines}
"""


def _settings_section(settings: Mapping[str, Any]) -> str:
    if not settings:
        return ""
    lines = "\n".join(f"- {name}: {', '.join(_flat(values))}" for name, values in settings.items())
    return f"""
## Settings

Every value in force, given in params.yaml or by default.

{lines}
"""


def _flat(values: Any, above: str = "") -> Iterator[str]:
    if not isinstance(values, Mapping):
        yield f"{above} {json.dumps(values, ensure_ascii=False)}".strip()
        return
    for key, value in values.items():
        yield from _flat(value, f"{above}.{key}".strip("."))


def _standing(report: Mapping[str, Any], decisive: Primary) -> str:
    """Say where the model stands, first of all and loud when that is under its floor."""
    found = quality.quality(report, decisive)
    if found is None:
        return ""
    said = quality.in_words(found)
    if quality.is_under(found):
        return f"\n> **WARNING: {said}.** A simple model trained on the same rows does better.\n"
    return f"\n{said[0].upper()}{said[1:]}.\n"


def _loss(lost: Losses | None) -> str:
    return f"\n> **WARNING: {lost}.** The scores hold for rows like the others.\n" if lost and lost.loud else ""


def _mid_sentence(title: str) -> str:
    return f"{title[0].lower()}{title[1:]}" if title[1].islower() else title


def _decides(measure: Measure) -> str:
    decisive = measure.PRIMARY
    better = "more" if decisive.more_is_better else "less"
    return f"What decides is the {primary.words(decisive.name)}{primary.of_unit(decisive.unit)}; {better} is better."


def _variants_section(variants: Mapping[str, Mapping[str, Any]], decisive: Primary) -> str:
    if not variants:
        return ""
    name = primary.words(decisive.name)
    rows = "\n".join(
        f"| {variant} | {found['bytes']:,} | {primary.number(decisive.unit, found[decisive.name])} | "
        f"{found['agreement']:.4f} | {'yes' if found['ships'] else 'no'}: {found['reason']} |"
        for variant, found in variants.items()
    )
    return f"""
## Variants

{name[0].upper()}{name[1:]}, and the share of rows with the answer of fp32, on the validation rows. A variant in the
bundle answers a row by that row alone, to 1e-4 in probability (of numbers: in their standard deviation), whatever
shares its batch.

| variant | bytes | {name} | agreement | in the bundle |
|---|---|---|---|---|
{rows}
"""
