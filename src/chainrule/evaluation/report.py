"""The page of one model: its scores beside the floors, the figures and its worst mistakes, in one
self-contained file.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.evaluation import quality
from chainrule.evaluation.primary import NATS, SHARE, Measure, Primary, Score, number, of_unit, words
from chainrule.evaluation.shown import Cell, Table, Word, Worst, Wrong

FEW_GROUPS = 10
"""Under so many groups a percentile interval is not to be relied on."""


class Figure(NamedTuple):
    """A PNG file to show; the caption also stands in for it where it cannot be seen, `wide` gives it
    the full width of the page.
    """

    path: Path
    caption: str
    wide: bool = False


class Mistake(NamedTuple):
    """One test row to look at: `inputs` are the texts and the PNG bytes of the images that it holds."""

    id: str
    inputs: Sequence[str | bytes]
    wrong: Wrong


def to_html(
    recipe: str,
    measure: Measure,
    scores: Mapping[str, Any],
    floors: Mapping[str, Mapping[str, Any]],
    facts: Mapping[str, str],
    figures: Sequence[Figure],
    tables: Sequence[Table] = (),
    worst: Worst | None = None,
    mistakes: Sequence[Mistake] = (),
    notes: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> str:
    """The page as one string: styles inline, pictures as data URIs, nothing fetched, light or dark as the
    reader's system.

    `scores` and each of `floors` (by name) are what `intervals.scores` gives; `facts` are lines to show under the
    title ("task": "image classification"), `warnings` sentences above it, `notes` below the scores; `mistakes` are the
    rows of `worst` with their inputs. Raises OSError when a figure cannot be read.
    """
    ranked = quality.ranked(floors, measure.PRIMARY)
    standing = quality.quality({"test": scores, "floor": floors}, measure.PRIMARY)
    sections = [
        _headline(scores, floors, ranked, measure.PRIMARY, standing),
        section("Scores", _scores_table(scores, floors, ranked, measure.SCORES) + _notes(scores, notes)),
        *(section(table.title, _table(table)) for table in tables),
        section("Figures", '<div class="figures">' + "".join(map(figure, figures)) + "</div>") if figures else "",
        section(worst.title, _mistakes(worst, mistakes)) if worst else "",
    ]
    lines = "".join(f'<dt>{escape(name)}</dt><dd dir="auto">{escape(value)}</dd>' for name, value in facts.items())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(recipe)} · Chainrule</title><style>{STYLE}</style></head>\n<body><main>{_verdict(standing)}"
        f"{''.join(map(_warning, warnings))}"
        f'<header><p class="over">Chainrule report</p><h1>{escape(recipe)}</h1>'
        f'<dl class="facts">{lines}</dl></header>\n'
        + "\n".join(section for section in sections if section)
        + "\n</main></body></html>\n"
    )


def section(title: str, body: str) -> str:
    """Return a titled part of a page; `body` is HTML."""
    return f"<section><h2>{title}</h2>{body}</section>"


def _verdict(found: quality.Quality | None) -> str:
    """The page's first line: where the model stands, with a sign and words beside the colour."""
    if found is None:
        return ""
    standing = quality.standing(found)
    sign = {"under": "✕", "level": "≈", "above": "✓"}[standing]
    role = ' role="alert"' if standing == "under" else ""
    advice = f"<br><small>{_sentence(quality.REMEDY)}</small>" if standing == "under" else ""
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
        cells = _cell(scores[score.name], "own", score.unit)
        cells += "".join(_cell(floors[name][score.name], "", score.unit) for name in ranked)
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


def _table(table: Table) -> str:
    heads = "".join(
        f'<th class="name">{escape(head)}</th>' if isinstance(head, Word) else f"<th>{escape(head)}</th>"
        for head in table.heads
    )
    lines = "".join(f"<tr>{_line(row, len(table.heads))}</tr>" for row in table.rows)
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    kind = "scroll tall" if table.tall else "scroll"
    return f'<div class="{kind}"><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>{notes}'


def _line(row: Sequence[Cell], width: int) -> str:
    cells = []
    for place, cell in enumerate(row):
        rest = width - place if place == len(row) - 1 else 1
        if isinstance(cell, Word):
            cells.append(f'<th class="name" dir="auto">{escape(cell)}</th>')
        elif isinstance(cell, str):
            cells.append(f"<td{f' colspan={chr(34)}{rest}{chr(34)}' if rest > 1 else ''}>{escape(cell)}</td>")
        else:
            cells.append(_cell(cell))
    return "".join(cells)


def figure(shown: Figure) -> str:
    """Return a picture with its caption, the file's content in the page; raises OSError if it cannot be read."""
    caption = escape(shown.caption)
    source = _data_uri(shown.path.read_bytes())
    kind = ' class="wide"' if shown.wide else ""
    image = f'<div class="scroll"><img src="{source}" alt="{caption}"></div>'
    return f"<figure{kind}>{image}<figcaption>{caption}</figcaption></figure>"


def _mistakes(worst: Worst, mistakes: Sequence[Mistake]) -> str:
    if not mistakes:
        return f"<p>{escape(worst.none)}</p>"
    cards = []
    for mistake in mistakes:
        kind = "picture" if all(isinstance(shown, bytes) for shown in mistake.inputs) else "words"
        shown = "".join(_input(mistake.id, each) for each in mistake.inputs)
        wrong = mistake.wrong
        cards.append(
            f'<li class="{kind}">{shown}<p><b><bdi>{escape(wrong.said)}</bdi></b> {escape(wrong.detail)}<br>'
            f"in truth <b><bdi>{escape(wrong.truth)}</bdi></b><br><small>{escape(mistake.id)}</small></p></li>"
        )
    return f'<p class="note">{escape(worst.note)}</p><ol class="mistakes">{"".join(cards)}</ol>'


def _input(name: str, shown: str | bytes) -> str:
    if isinstance(shown, bytes):
        return f'<img src="{_data_uri(shown)}" alt="test row {escape(name)}">'
    return f'<blockquote dir="auto">{escape(shown)}</blockquote>'


def _cell(entry: Mapping[str, float | None], kind: str = "", unit: str = SHARE) -> str:
    own = f' class="{kind}"' if kind else ""
    if entry["value"] is None:
        return f"<td{own}>undefined</td>"
    value, low, high = (_short(unit, entry[end]) for end in ("value", "low", "high"))
    return f"<td{own}>{value}{'' if entry['low'] is None else f' <small>{low} to {high}</small>'}</td>"


def _short(unit: str, value: float | None) -> str:
    return f"{value:.3f}" if unit in (SHARE, NATS) and value is not None else number(unit, value)


def _of_100(share: float) -> str:
    return f"{100 * share:.2f}%"


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode('ascii')}"


STYLE = """
:root{color-scheme:light dark;--ink:#1f2933;--faint:#5f6b78;--page:#f5f7f9;--card:#fff;--line:#dfe4e9;
--own:#0072b2;
--other:#b4bec8;--soft:#eaf3f9}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaee;--faint:#9aa7b4;--page:#12171c;--card:#1b2229;
--line:#313b45;
--own:#56b4e9;--other:#566370;--soft:#1d2d38}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:68rem;margin:0 auto;padding:2rem 1rem 4rem}
h1{font-size:2rem;line-height:1.15;margin:0 0 .6rem;overflow-wrap:anywhere}h2{font-size:1.15rem;
margin:0 0 .8rem}
.verdict{display:flex;gap:.8rem;align-items:baseline;margin:0 0 1.4rem;padding:.8rem 1.1rem;border-radius:.7rem;
border:1px solid var(--line);background:var(--card)}.verdict small{font-size:.9rem;font-weight:400;color:inherit}
.verdict.under{background:#b3261e;border-color:#b3261e;color:#fff;font-size:1.2rem;font-weight:700}
.verdict.level{border-left:.4rem solid #e69f00;font-weight:600}.verdict.above{border-left:.4rem solid #009e73}
.over{margin:0;color:var(--faint);font-size:.85rem}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.2rem .8rem;margin:0 0 1.4rem;font-size:.9rem}
.facts dt{color:var(--faint)}.facts dd{margin:0;overflow-wrap:anywhere}
section{background:var(--card);border:1px solid var(--line);border-radius:.7rem;padding:1.25rem;
margin-bottom:1rem}
small,.note,figcaption{color:var(--faint);font-size:.82rem}.note{margin:.8rem 0 0}
.headline{display:grid;grid-template-columns:minmax(13rem,1fr) 2fr;gap:1.5rem;align-items:center}
.headline p{margin:0}.score{font-size:3.4rem;font-weight:700;line-height:1.1;color:var(--own)}
.interval{color:var(--faint);margin-bottom:.6rem!important}
.bar{display:grid;grid-template-columns:11rem 1fr 4.2rem;gap:.7rem;align-items:center;margin:.55rem 0}
.bar .name{text-align:right;font-size:.92rem}.bar .number{white-space:nowrap;font-variant-numeric:tabular-nums}
.bar.model .name,.bar.model .number{font-weight:700}
.track{position:relative;height:1.1rem;background:var(--page);border-radius:.2rem}
.track i{position:absolute;top:0;bottom:0;display:block}.fill{left:0;border-radius:.2rem;
background:var(--other)}
.model .fill{background:var(--own)}.track .span{top:50%;bottom:auto;height:2px;margin-top:-1px;
background:var(--ink)}
.scroll{overflow-x:auto}.tall{max-height:32rem;overflow-y:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{padding:.4rem .7rem;text-align:right;border-bottom:1px solid var(--line);
font-variant-numeric:tabular-nums;
vertical-align:baseline}
td small{display:block;white-space:nowrap}th small{font-weight:400;display:block}
th{font-weight:600}th.name,tbody th,th:first-child{text-align:left}
thead th{color:var(--faint);font-weight:600}
tbody tr:last-child>*{border-bottom:0}td.own,th.own{background:var(--soft);font-weight:600;color:var(--ink)}
td.own small{font-weight:400}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.4rem 1rem;
align-items:start}
figure{margin:0;text-align:center;min-width:0}figure.wide{grid-column:1/-1}
figure img{max-width:100%;height:auto;background:#fff;border-radius:.4rem;border:1px solid var(--line)}
.mistakes{list-style:none;padding:0;margin:1rem 0 0;display:grid;gap:.8rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr))}
.mistakes li{border:1px solid var(--line);border-radius:.5rem;padding:.7rem}
.mistakes p{margin:0;font-size:.9rem;line-height:1.35;overflow-wrap:anywhere}
.picture{display:flex;gap:.8rem;align-items:center}.picture img{width:5.5rem;height:5.5rem;object-fit:contain;
image-rendering:pixelated;background:#888;border-radius:.3rem;flex:none}
.words blockquote{margin:0 0 .5rem;max-height:9rem;overflow:auto;overflow-wrap:anywhere;white-space:pre-wrap}
@media(max-width:44rem){.headline{grid-template-columns:1fr}.bar{grid-template-columns:1fr 3.6rem;
gap:.1rem .7rem}
.bar .name{grid-column:1/3;text-align:left}main{padding:1.2rem .7rem}section{padding:1rem}
th,td{padding:.35rem .4rem}figure img{max-width:none}figure{text-align:left}}
@media print{:root{color-scheme:light;--ink:#000;--faint:#444;--page:#fff;--card:#fff;--line:#bbb;--own:#0072b2;
--other:#b4bec8;--soft:#eaf3f9}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{font-size:11pt}main{padding:0;max-width:none}section{border:0;padding:0;margin-bottom:1.4rem}
h2{break-after:avoid}figure,tr,.mistakes li,.verdict,.headline{break-inside:avoid}
.scroll{overflow:visible;max-height:none}
.words blockquote{max-height:none;overflow:visible}}
""".replace("\n", "")
