"""The page of the gradient audit: what is wrong, the chain rule along depth, and each layer over the training."""

import csv
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

from chainrule.evaluation import page
from chainrule.evaluation.gradients import chain, heat, vector
from chainrule.training.audit import verdicts

PHASES = {"pretrain": "Pretraining", "finetune": "Fine-tuning"}

Record = Mapping[str, Any]


def pictures(record: Record) -> dict[str, str]:
    """Return the pictures of one training by name, as SVG; none of a training without an audited update."""
    found = {}
    names = _labels(record["layers"])
    if record["chains"] and record["chains"][-1]["links"]:
        labels = {layer["name"]: label for layer, label in zip(record["layers"], names, strict=True)}
        found["chain"] = chain.picture(record["chains"], labels)
    if record["updates"]:
        found["gradient_norm"] = heat.picture(
            "Gradient", "norm by layer and update; yellow: large", names, record["updates"], record["gradient"]
        )
        found["update_ratio"] = heat.picture(
            "Step",
            f"norm of the step over the norm of the weights; about {verdicts.HEALTHY:g} is usual",
            names,
            record["updates"],
            verdicts.ratios(record),
        )
    return found


def _labels(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what pictures call the layers: the end of the name, and what it is where that is only a number."""
    ends = [".".join(layer["name"].split(".")[-2:]) for layer in layers]
    names = [end if ends.count(end) == 1 else layer["name"] for end, layer in zip(ends, layers, strict=True)]
    return [
        f"{name} {layer['kind'].partition(' + ')[0]}" if name[-1].isdigit() else name
        for name, layer in zip(names, layers, strict=True)
    ]


def write_curves(record: Record, folder: Path, phase: str) -> None:
    """Write each curve by layer and update as a CSV for `dvc plots`: update, layer and the number, four digits.

    The axis of these plots is logarithmic: what is 0 is left out.
    """
    names = [layer["name"] for layer in record["layers"]]
    curves = {"gradient_norm": record["gradient"], "update_ratio": verdicts.ratios(record)}
    for curve, lines in curves.items():
        with open(folder / f"{phase}_{curve}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["update", "layer", curve])
            for update, line in zip(record["updates"], lines, strict=True):
                writer.writerows(
                    [update, name, f"{value:.4g}"] for name, value in zip(names, line, strict=True) if value
                )


def to_html(recipe: str, records: Mapping[str, Record], drawn: Mapping[str, Mapping[str, str]]) -> str:
    """Return the page of a recipe's trainings; records: by phase; drawn: what `pictures` returned, by phase."""
    sections = []
    records = {phase: records[phase] for phase in PHASES if phase in records}  # as they were trained
    for phase, record in records.items():
        name = PHASES[phase]
        figures = "".join(f'<figure class="wide scroll">{picture}</figure>' for picture in drawn[phase].values())
        sections.append(page.section(name, _found(record) + figures))
        sections.append(page.section(f"{name}: layers", _table(record)))
    if not records:
        sections.append(page.section("Nothing was looked at", "<p>No training of this recipe has an audit.</p>"))
    sections.append(page.section("How to read this", _reading()))
    facts = {
        PHASES[phase]: f"{len(record['updates']):,} updates looked at, every {record['every']:,}th; "
        f"{len(record['layers'])} layers, {sum(layer['parameters'] for layer in record['layers']):,} weights"
        for phase, record in records.items()
    }
    return page.document(
        recipe, f"{recipe} gradients · Chainrule", "Chainrule gradients", facts, sections, style=_STYLE
    )


def _found(record: Record) -> str:
    if not record["verdicts"]:
        return '<p class="verdict above"><b aria-hidden="true">✓</b><span>No layer stands out.</span></p>'
    return "".join(
        f'<p class="verdict level"><b aria-hidden="true">!</b><span>{escape(found["said"][0].upper())}'
        f"{escape(found['said'][1:])}.</span></p>"
        for found in record["verdicts"]
    )


def _table(record: Record) -> str:
    links = {link["name"]: link for link in record["chains"][-1]["links"]} if record["chains"] else {}
    bad: dict[str, list[str]] = {}
    for found in record["verdicts"]:
        for name in found["layers"]:
            bad.setdefault(name, []).append(found["kind"])
    ratios = verdicts.ratios(record)
    lines = []
    for place, layer in enumerate(record["layers"]):
        name = layer["name"]
        link = links.get(name, {"factor": None, "reached": None})
        dead = _middle(record["dead"], place)
        cells = [
            vector.amount(_middle(record["gradient"], place)),
            vector.amount(_middle(ratios, place)),
            "–" if dead is None else f"{dead:.0%}",
            vector.amount(link["factor"]),
            vector.amount(link["reached"]),
            ", ".join(bad.get(name, [])),
        ]
        lines.append(
            f'<tr><th class="name">{escape(name)}<small>{escape(layer["kind"])}</small></th>'
            f"<td>{layer['parameters']:,}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        )
    heads = ("layer", "weights", "gradient", "step / weights", "dead units", "factor", "reaches it", "")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
        '<p class="note">Gradient, step and dead units: medians of the audited updates, – where a layer did not learn. '
        "Factor: of the last pass along depth; reaches it: the share of the gradient's norm at the loss that is left "
        "at the layer's input.</p>"
    )


def _middle(lines: Sequence[Sequence[float | None]], place: int) -> float | None:
    known = [value for line in lines if (value := line[place]) is not None and math.isfinite(value)]
    return median(known) if known else None


def _reading() -> str:
    said = "".join(f"<dt>{escape(term)}</dt><dd>{escape(meaning)}</dd>" for term, meaning in READING.items())
    return f'<dl class="terms">{said}</dl>'


READING = {
    "factor": "The gradient runs from the loss to the input, and each block multiplies it by its Jacobian: the norm of "
    "the gradient at its input over that at its output. The line is their product so far. Healthy nets stay within a "
    "hundredfold of 1: normalisation and residual connections keep them there. A single factor outside of "
    f"{verdicts.SHRINKS:g} to {verdicts.GROWS:g} has another colour and is no verdict.",
    "vanishing, exploding": f"Less than {verdicts.VANISHED:g} or more than {verdicts.EXPLODED:g} of the norm at the "
    f"loss arrives at a layer that learns; or a gradient has over {verdicts.SPIKE:g} times its usual norm and nothing "
    "clips it.",
    "dead": f"At least {verdicts.DEAD:.0%} of a layer's units have a gradient of exactly 0, as behind a ReLU that lets "
    "nothing through, in the median of the second half of the audited updates.",
    "fast, slow": f"A step over {verdicts.FAST:g} of the weights' norm in the median, or never over {verdicts.SLOW:g}; "
    f"about {verdicts.HEALTHY:g} is usual.",
}
_STYLE = """
figure.wide{margin:1rem 0 0;text-align:left}figure svg{max-width:100%;height:auto;min-width:44rem}
.terms{margin:0;font-size:.95rem}.terms dt{font-weight:600}.terms dd{margin:0 0 .6rem}
""".replace("\n", "")
