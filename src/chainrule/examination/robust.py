"""How well the model's answers hold when rows are altered, and when they are moved against the model."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.data.columns import alterable, columns
from chainrule.evaluation import page, primary, spectrogram
from chainrule.evaluation.intervals import Entry, measured
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.primary import SHARE, Outputs
from chainrule.evaluation.robustness import curve, suite
from chainrule.evaluation.robustness.curve import Curve
from chainrule.evaluation.shown import Table, Word
from chainrule.examination import attacked
from chainrule.examination.amounts import amount
from chainrule.examination.blocks import seen
from chainrule.examination.looked import Looked, one_row
from chainrule.training import prediction
from chainrule.training.rows import encoded_target, named, to_inputs

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 200
FEWEST = 10
"""Rows of which fewer say nothing."""
BATCH_SIZE = 256
AS_THEY_ARE = "as they are"
EVERY = "all of these"


class Asked(NamedTuple):
    """Some rows, their encoded targets, and what the model says of rows that stand in for them."""

    looked: Looked
    rows: "pd.DataFrame"
    target: np.ndarray

    def inputs(self, rows: "pd.DataFrame") -> Any:
        """Return rows as the model takes them."""
        return to_inputs(rows, self.looked.card, self.looked.facts, self.looked.card["target_facts"])

    def answers(self, rows: "pd.DataFrame") -> Outputs:
        """Return what the model says of rows."""
        return prediction.predict(self.looked.model, self.inputs(rows), BATCH_SIZE, self.looked.say)

    def statistics(self, outputs: Outputs) -> Any:
        """Return what each row adds to the sums, answered so."""
        return self.looked.measure.statistics(outputs, self.target, self.looked.card["target_facts"])

    def entry(self, statistics: Any) -> Entry:
        """Return PRIMARY with its interval."""
        looked = self.looked
        name = looked.measure.PRIMARY.name
        found = measured(
            statistics,
            lambda sums: {name: looked.measure.metrics(sums, looked.card["target_facts"])[name]},
            groups=self.rows["group"].to_numpy(),
            resamples=RESAMPLES,
            seed=looked.seed,
        )
        return found.entry(name)


def part(looked: Looked) -> Part | None:
    """Return PRIMARY of a few validation rows as they are, under each corruption by severity, and by attack."""
    settings = looked.settings.robustness
    if not settings.rows:
        return None
    rows = looked.rows
    if len(rows) < 2:
        raise NotShownError("there is a single validation row")
    fields = alterable(columns(looked.card["task"], looked.card["modality"]))
    if not fields:
        raise NotShownError("a target that tells places in a text means the text as it is; nothing else can be altered")
    chosen = settings.corruptions if settings.corruptions is not None else suite.names(looked.card["modality"])
    runs = len(chosen) * len(settings.severities) + attacked.runs(looked.card["modality"], settings)
    count = affordable(
        seen(looked.model, one_row(looked)).work or 0, runs, min(len(rows), settings.rows), settings.work
    )
    if len(rows) > count:
        rows = rows.sample(count, random_state=looked.seed).reset_index(drop=True)
    target = encoded_target(rows, looked.card, looked.card["target_facts"])
    asked = Asked(looked, rows, target)
    plain = asked.answers(rows)
    clean = asked.entry(asked.statistics(plain))
    scores = _corrupted(asked, fields, chosen, settings.severities)
    # What is attacked are all inputs.
    attackable = settings.strengths != [] and fields == named(looked.card, "input")
    attackable &= looked.card["modality"] in attacked.STRENGTHS
    attacks = attacked.outcomes(asked, plain, settings) if attackable else None
    curves = [] if attacks is None else _curves(attacks)
    body = _table(looked, clean, scores, settings.severities, len(rows)) + _pictures(asked, chosen, settings.severities)
    if attacks is not None:
        body += _attacked(looked, curves, attacks)
    return Part("Robustness", body, _numbers(looked, clean, scores, curves, len(rows)))


def affordable(work: int, runs: int, count: int, most: int) -> int:
    """Return how many of `count` rows can be run so often for at most `most` thousand million multiply-adds.

    work: of one run of a row. NotShownError where that is less than FEWEST of them.
    """
    found = min(count, most * 10**9 // (work * runs)) if work * runs else count
    least = min(count, FEWEST)
    if found < least:
        raise NotShownError(
            f"{runs:,} runs of {least} rows take {amount(runs * least * work)} multiply-adds; "
            f"evaluate.examine.robustness.work allows {amount(most * 10**9)}"
        )
    return found


def _corrupted(
    asked: Asked, fields: Sequence[str], chosen: Sequence[str], severities: Sequence[int]
) -> dict[str, dict[int, Entry]]:
    """Return PRIMARY by corruption and severity; under EVERY that of the rows under all of them together."""
    looked = asked.looked
    scores: dict[str, dict[int, Entry]] = {name: {} for name in chosen}
    together: dict[int, Entry] = {}
    for severity in severities:
        total: Any = None
        for name in chosen:
            altered = suite.corrupted(
                asked.rows,
                fields,
                looked.card["modality"],
                name,
                severity,
                seed=looked.seed,
                normalise=looked.normalise,
            )
            statistics = asked.statistics(asked.answers(altered))
            scores[name][severity] = asked.entry(statistics)
            total = statistics if total is None else total + statistics
        if total is not None:
            together[severity] = asked.entry(total)
    return {**scores, EVERY: together} if len(chosen) > 1 else scores


def _table(
    looked: Looked, clean: Entry, scores: Mapping[str, Mapping[int, Entry]], severities: Sequence[int], rows: int
) -> str:
    name = primary.words(looked.measure.PRIMARY.name)
    heads = [Word("corruption"), *(f"severity {severity}" for severity in severities)]
    lines: list[list[Any]] = [[Word(AS_THEY_ARE), *[clean] * len(severities)]]
    lines += [[Word(primary.words(each)), *found.values()] for each, found in scores.items()]
    note = (
        f"{name.capitalize()} of {rows:,} validation rows, with 95% intervals, as they are and altered; a severity "
        "is from 1 to 5."
    )
    return page.table(Table("", heads, lines, [note]))


def _pictures(asked: Asked, chosen: Sequence[str], severities: Sequence[int]) -> str:
    """Return an image, or a sound's spectrogram, as each corruption leaves it, where rows are one of them."""
    looked = asked.looked
    modality = looked.card["modality"]
    if modality not in ("audio", "image") or not chosen:
        return ""
    (column,) = named(looked.card, "input")
    severity = max(severities)
    shown = {AS_THEY_ARE: asked.rows[column].iloc[0]}
    for name in chosen:
        altered = suite.corrupted(asked.rows.iloc[:1], [column], modality, name, severity, seed=looked.seed)
        shown[primary.words(name)] = altered[column].iloc[0]
    figures = "".join(
        f'<figure><img src="{page.data_uri(_picture(value))}" alt="a row, {escape(name)}" style="width:5rem;'
        f'height:5rem;object-fit:contain;image-rendering:pixelated"><figcaption>{escape(name)}</figcaption></figure>'
        for name, value in shown.items()
    )
    return (
        f'<p class="note">A row at severity {severity}.</p><div style="display:grid;gap:.6rem;'
        f'grid-template-columns:repeat(auto-fill,minmax(6rem,1fr))">{figures}</div>'
    )


def _picture(value: bytes) -> bytes:
    return spectrogram.picture(value) if spectrogram.is_sound(value) else value


def _curves(found: attacked.Attacks) -> list[Curve]:
    """Return PRIMARY by strength of each attack, 0 being rows as they are."""
    asked = found.asked
    return [
        Curve(name, [0.0, *found.strengths], [asked.entry(asked.statistics(outputs)) for outputs in by_strength])
        for name, by_strength in found.outputs.items()
    ]


def _attacked(looked: Looked, curves: Sequence[Curve], found: attacked.Attacks) -> str:
    if not curves:
        return f'<p class="note">No attack is shown: {escape(found.said)}.</p>'
    decisive = looked.measure.PRIMARY
    score = primary.words(decisive.name).capitalize()
    heads = [Word(found.unit), *(each.name for each in curves)]
    lines: list[list[Any]] = [
        [Word(f"{strength:g}"), *(each.scores[place] for each in curves)]
        for place, strength in enumerate(curves[0].strengths)
    ]
    picture = curve.to_svg(curves, score, found.unit, decisive.unit == SHARE)
    return picture + page.table(Table("", heads, lines, [found.said]))


def _numbers(
    looked: Looked,
    clean: Entry,
    scores: Mapping[str, Mapping[int, Entry]],
    curves: Sequence[Curve],
    rows: int,
) -> dict[str, Any]:
    return {
        "rows": rows,
        "primary": primary.plain(looked.measure.PRIMARY),
        "as_they_are": clean,
        "corruptions": {
            name: {str(severity): entry for severity, entry in found.items()}
            for name, found in scores.items()
            if name != EVERY
        },
        "all": {str(severity): entry for severity, entry in scores.get(EVERY, {}).items()},
        "attacks": {
            each.name: [
                {"strength": strength, **entry} for strength, entry in zip(each.strengths, each.scores, strict=True)
            ]
            for each in curves
        },
    }
