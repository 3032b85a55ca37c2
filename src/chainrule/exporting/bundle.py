"""The bundle: one directory with all that a server needs, nothing of it executable."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chainrule.data.losses import Losses
from chainrule.evaluation import primary, quality
from chainrule.evaluation.primary import Measure, Primary
from chainrule.system.files import write_json

GRAPH, SIGNATURE, CARD, SUMS = "model.onnx", "signature.json", "MODEL_CARD.md", "SHA256SUMS"
REFERENCE = "fp32"
FILES = {REFERENCE: GRAPH, "int8": "model.int8.onnx", "fp16": "model.fp16.onnx"}


def write(
    folder: Path,
    graph: bytes,
    signature: dict[str, Any],
    card: str,
    tokenizer: str | None,
    variants: Mapping[str, bytes] | None = None,
) -> None:
    """Write a bundle: the graph and its variants, signature.json, MODEL_CARD.md, tokenizer.json for text, SHA256SUMS.

    variants: further graphs by their name in FILES; the signature's `variants` says which there are.
    """
    folder.mkdir()
    graphs = {REFERENCE: graph, **(variants or {})}
    for name, content in graphs.items():
        (folder / FILES[name]).write_bytes(content)
    write_json(folder / SIGNATURE, {"variants": {name: {"file": FILES[name]} for name in graphs}, **signature})
    (folder / CARD).write_text(card, encoding="utf-8")
    if tokenizer is not None:
        (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / SUMS).write_text("".join(sums), encoding="ascii")


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
) -> str:
    """Return a model card (Mitchell et al. 2019, arXiv:1810.03993) in Markdown.

    source: what ingest knows of the data; report: content of reports/<recipe>/metrics.json; measure: the metrics of the
    task; variants: by name, what reports/<recipe>/export.json says of each; lost: the source's rows that are in no
    split; settings: the values in force that made the model, by section of params.yaml; doubt: of an answer's doubt
    what, what was asked for, and what test rows say.
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
    return f"""# {recipe}
{_standing(report, measure.PRIMARY)}{_loss(lost)}
Task: {signature["task"]}. Net: {signature["net"]["name"]}. {answers}.

## Data

{about}{_base_section(signature["base"])}
## Scores

On {test["rows"]:,} test rows in {test["groups"]:,} groups, with 95% intervals from a bootstrap over groups.
The floors are simple models trained on the same training rows: what a model has to beat to be worth serving.

{_decides(measure)}

| model | {heads} |
|---|{"---|" * len(shown)}
{table}
{_doubt_section(doubt)}{_variants_section(variants or {}, measure.PRIMARY)}{_settings_section(settings or {})}
## Limits

The scores hold for rows like those of the test split. {measure.CALIBRATED} Nothing is known of inputs of another kind.
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
