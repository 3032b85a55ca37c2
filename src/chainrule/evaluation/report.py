"""The page of one model: its scores beside the floors, the figures and its worst mistakes, in one
self-contained file.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from chainrule.evaluation import cards, page, quality, spectrogram
from chainrule.evaluation import sections as parts
from chainrule.evaluation.primary import SHARE, Measure, Primary, Score, number, of_unit, words
from chainrule.evaluation.shown import Mark, Outline, Passages, Table, Worst, Wrong

FEW_GROUPS = 10
"""Under so many groups a percentile interval is not to be relied on."""


class Mistake(NamedTuple):
    """One test row to look at: `inputs` are the texts and the bytes of the images (PNG) and sounds (WAV) it holds."""

    id: str
    inputs: Sequence[str | bytes]
    wrong: Wrong
    marks: Sequence[Mark] = ()
    """What of its text is marked, in its order; of a row with one text."""


def to_html(
    recipe: str,
    measure: Measure,
    scores: Mapping[str, Any],
    floors: Mapping[str, Mapping[str, Any]],
    facts: Mapping[str, str],
    figures: Sequence[page.Figure],
    tables: Sequence[Table] = (),
    worst: Worst | None = None,
    mistakes: Sequence[Mistake] = (),
    notes: Sequence[str] = (),
    warnings: Sequence[str] = (),
    to_try: Sequence[str] = (),
    said: Passages | None = None,
) -> str:
    """The page as one string: styles inline, pictures as data URIs, nothing fetched, light or dark as the
    reader's system.

    `scores` and each of `floors` (by name) are what `intervals.scores` gives; `facts` are lines to show under the
    title ("task": "image classification"), `warnings` sentences above it, `notes` below the scores; `mistakes` are the
    rows of `worst` with their inputs; `to_try` is what would help a model under its floor; `said` is what a model that
    writes makes of some test rows. Raises OSError when a figure
    cannot be read.
    """
    ranked = quality.ranked(floors, measure.PRIMARY)
    standing = quality.quality({"test": scores, "floor": floors}, measure.PRIMARY)
    sections = [
        _headline(scores, floors, ranked, measure.PRIMARY, standing),
        page.section("Scores", _scores_table(scores, floors, ranked, measure.SCORES) + _notes(scores, notes)),
        *(page.section(table.title, page.table(table)) for table in tables),
        parts.section(said) if said else "",
        page.figures(figures),
        page.section(worst.title, _mistakes(worst, mistakes)) if worst else "",
    ]
    above = _verdict(standing, to_try) + "".join(map(_warning, warnings))
    return page.document(
        recipe, f"{recipe} · Chainrule", "Chainrule report", facts, sections, above, parts.STYLE if said else ""
    )


def _verdict(found: quality.Quality | None, to_try: Sequence[str]) -> str:
    """The page's first line: where the model stands, with a sign and words beside the colour; below it what to try."""
    if found is None:
        return ""
    standing = quality.standing(found)
    sign = {"under": "✕", "level": "≈", "above": "✓"}[standing]
    role = ' role="alert"' if standing == "under" else ""
    tried = "; ".join(to_try)
    advice = f"<br><small>{escape(_sentence(f'What to try: {tried}'))}</small>" if standing == "under" and tried else ""
    said = escape(_sentence(quality.in_words(found)))
    return f'<p class="verdict {standing}"{role}><b aria-hidden="true">{sign}</b><span>{said}{advice}</span></p>'


def _warning(said: str) -> str:
    return (
        f'<p class="verdict under" role="alert"><b aria-hidden="true">!</b><span>{escape(_sentence(said))}</span></p>'
    )


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _headline(
    scores: Mapping[str, Any],
    floors: Mapping[str, Mapping[str, Any]],
    ranked: Sequence[str],
    decisive: Primary,
    found: quality.Quality | None,
) -> str:
    """PRIMARY of the model and of each floor, as numbers and as bars with their intervals."""
    rows = [("model", "this model", scores[decisive.name])]
    rows += [("floor", words(name), floors[name][decisive.name]) for name in ranked]
    known = [entry["high"] for *_, entry in rows if entry["high"] is not None]
    whole = 1 if decisive.unit == SHARE else max(known, default=1) or 1
    bars = "".join(_bar(kind, name, entry, decisive, whole) for kind, name, entry in rows)
    own = scores[decisive.name]
    interval = f"95% interval {_said(decisive, own['low'])} to {_said(decisive, own['high'])}"
    if scores["groups"] == 1:
        interval = "no interval: all test rows are of one group"
    note = ""
    if found is not None:
        best = floors[ranked[0]][decisive.name]
        # Of a model above its floor the sentence would take back what the first line says, and need not be true.
        overlap = best["low"] <= own["high"] and own["low"] <= best["high"]
        unclear = overlap and quality.standing(found) != "above"
        note = f'<p class="note">{_sentence(quality.EXPLAINED)}{" The intervals overlap." if unclear else ""}</p>'
    name = words(decisive.name)
    better = "" if decisive.more_is_better else "; less is better"
    return (
        f'<section class="headline"><div class="big"><p class="over">{name[0].upper()}{name[1:]} on the test rows'
        f'{of_unit(decisive.unit)}{better}</p><p class="score">{_said(decisive, own["value"])}</p>'
        f'<p class="interval">{interval}</p></div>'
        f'<div class="bars">{bars}{note}</div></section>'
    )


def _bar(kind: str, name: str, entry: Mapping[str, Any], decisive: Primary, whole: float) -> str:
    value, low, high = (0 if entry[end] is None else entry[end] / whole for end in ("value", "low", "high"))
    return (
        f'<div class="bar {kind}"><span class="name">{escape(name)}</span>'
        f'<span class="track" aria-hidden="true"><i class="fill" style="width:{_of_100(value)}"></i>'
        f'<i class="span" style="left:{_of_100(low)};width:{_of_100(high - low)}"></i></span>'
        f'<span class="number">{_said(decisive, entry["value"])}</span></div>'
    )


def _said(decisive: Primary, value: float | None) -> str:
    """A value as the page's head has it: a share in percent."""
    return f"{value:.1%}" if decisive.unit == SHARE and value is not None else number(decisive.unit, value)


def _scores_table(
    scores: Mapping[str, Any],
    floors: Mapping[str, Mapping[str, Any]],
    ranked: Sequence[str],
    shown: Sequence[Score],
) -> str:
    head = "".join(f"<th>{escape(words(name))}</th>" for name in ranked)
    lines = []
    for score in shown:
        better = "higher" if score.more_is_better else "lower"
        cells = page.cell(scores[score.name], "own", score.unit)
        cells += "".join(page.cell(floors[name][score.name], "", score.unit) for name in ranked)
        lines.append(f"<tr><th>{score.title} <small>{better} is better</small></th>{cells}</tr>")
    return (
        f'<div class="scroll"><table><thead><tr><th></th><th class="own">this model</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _notes(scores: Mapping[str, Any], more: Sequence[str]) -> str:
    groups = "their one group" if scores["groups"] == 1 else f"their {scores['groups']:,} groups"
    drawn = "rows" if scores["groups"] == scores["rows"] else groups
    resamples = f"{scores['resamples']:,} bootstrap resamples of {drawn}"
    said = [f"{scores['rows']:,} test rows. Intervals: 2.5th to 97.5th percentile of {resamples}."]
    if scores["groups"] < FEW_GROUPS:
        said.append(
            "A resample of one group is that group: the intervals have no width and say nothing."
            if scores["groups"] == 1
            else "So few groups make rough intervals, rather too narrow."
        )
    return f'<p class="note">{escape(" ".join([*said, *more]))}</p>'


def _mistakes(worst: Worst, mistakes: Sequence[Mistake]) -> str:
    if not mistakes:
        return f"<p>{escape(worst.none)}</p>"
    made = []
    for mistake in mistakes:
        kind = "picture" if all(isinstance(shown, bytes) for shown in mistake.inputs) else "words"
        wrong = mistake.wrong
        marks = [] if wrong.said_at is None else [wrong.said_at, wrong.true_at]
        plain = mistake.inputs[:-1] if marks else mistake.inputs
        shown = "".join(_input(mistake.id, each, mistake.marks, wrong.outlines) for each in plain)
        shown += "".join(cards.marked(str(mistake.inputs[-1]), own) for own in marks)
        made.append(
            f'<li class="{kind}">{shown}<p><b><bdi>{escape(wrong.said)}</bdi></b> {escape(wrong.detail)}<br>'
            f"in truth <b><bdi>{escape(wrong.truth)}</bdi></b><br><small>{escape(mistake.id)}</small></p></li>"
        )
    return f'<p class="note">{escape(worst.note)}</p><ol class="mistakes">{"".join(made)}</ol>'


def _input(name: str, shown: str | bytes, marks: Sequence[Mark], outlines: Sequence[Outline]) -> str:
    if isinstance(shown, bytes) and spectrogram.is_sound(shown):
        return spectrogram.element(shown, f"test row {name}")
    if isinstance(shown, bytes):
        return cards.outlined(f'<img src="{page.data_uri(shown)}" alt="test row {escape(name)}">', outlines)
    return cards.marked(shown, marks)


def _of_100(share: float) -> str:
    return f"{100 * share:.2f}%"
