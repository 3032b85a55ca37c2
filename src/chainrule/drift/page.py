"""A comparison for its readers: a line, numbers for MLflow, a figure, and a page that needs no network."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from chainrule.drift.testing import Report, Test
from chainrule.evaluation import fonts, style
from chainrule.evaluation import page as house
from chainrule.system.files import write_json

SHOWN_CLASSES = 20
LEAST = 1e-3
"""The smallest p-value that the permutations can tell; what is drawn ends there."""


def verdict(report: Report) -> str:
    """Return "drift", "no drift" or "no verdict"."""
    return "no verdict" if report.undecided else "drift" if report.flagged else "no drift"


def summary(report: Report) -> str:
    """Return one line: the verdict and what it stands on."""
    if report.undecided:
        return f"no verdict: {report.undecided}"
    if not report.flagged:
        return f"no drift in {len(report.tests)} tests of {report.used[1]:,} rows (level {report.alpha:g})"
    named = sorted((test for test in report.tests if test.flagged), key=lambda test: (test.corrected, test.name))
    said = "; ".join(f"{test.name}: {test.said}" for test in named[:3])
    more = f"; and {len(named) - 3} more" if len(named) > 3 else ""
    return f"drift in {len(named)} of {len(report.tests)} tests of {report.used[1]:,} rows: {said}{more}"


def metrics(report: Report) -> dict[str, float]:
    """Return the numbers for MLflow and for files: counts, the verdict, and each test's value, p-values and index."""
    found: dict[str, float] = {
        "drift.flagged": float(report.flagged),
        "drift.decided": float(not report.undecided),
        "drift.alpha": report.alpha,
        "drift.rows.reference": report.used[0],
        "drift.rows.current": report.used[1],
        "drift.tests": len(report.tests),
        "drift.tests_flagged": sum(test.flagged for test in report.tests),
    }
    if report.words is not None:
        found["drift.unknown_words"] = report.words.unknown
    for test in report.tests:
        # Names of metrics hold neither two words alike nor blanks.
        name = f"drift.{test.about}.{test.name}".replace(" ", "_")
        found |= {f"{name}.value": test.value, f"{name}.p": test.p, f"{name}.p_corrected": test.corrected}
        if test.stability is not None:
            found[f"{name}.stability_index"] = test.stability
    return found


def write(report: Report, folder: Path, recipe: str, reference: str, current: str) -> None:
    """Write drift.html, drift.png and drift.json into `folder`, which is made.

    reference, current: what the two samples are, in words. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figure(report, folder / "drift.png")
    (folder / "drift.html").write_text(page(report, recipe, reference, current, folder / "drift.png"), encoding="utf-8")
    write_json(folder / "drift.json", {"verdict": verdict(report), "summary": summary(report), **metrics(report)})


def figure(report: Report, path: Path) -> None:
    """Draw the tests against the level, the balance of classes and the features' main directions, as a PNG."""
    kinds = [name for name in ("labels", "predictions") if name in report.shares]
    below = [*kinds[:1], *(["points"] if report.points is not None else [])] if report.tests else []
    tall = 0.26 * len(report.tests) + 1.2 if report.tests else 0.6
    rows, heights = ([["tests"] * len(below), below], [tall, 3.4]) if below else ([["tests"]], [tall])
    drawing, panels = style.house_mosaic(style.WIDE, sum(heights) + 0.4, rows, heights)
    _draw_tests(panels["tests"], report)
    for kind in below:
        if kind == "points":
            _draw_points(panels[kind], report)
        else:
            _draw_shares(panels[kind], kind, report.shares[kind], style.WIDE / len(below))
    style.save(drawing, path)


def _draw_tests(axes: Any, report: Report) -> None:
    said = report.undecided or f"orange: p under the level of {report.alpha:g} (dashed)"
    style.title(axes, _headline(report), said, room=95)
    if not report.tests:
        axes.set_axis_off()
        return
    tests = sorted(report.tests, key=lambda test: (-test.corrected, test.about, test.name))
    names = [_title(test) for test in tests]
    lengths = [-math.log10(max(test.corrected, LEAST)) for test in tests]
    axes.barh(
        range(len(tests)), lengths, height=0.62, color=[style.RED if test.flagged else "#b8c2cc" for test in tests]
    )
    for line, (test, length) in enumerate(zip(tests, lengths, strict=True)):
        axes.annotate(
            _p_value(test.corrected), (length, line), (4, 0), textcoords="offset points", va="center", size=8,
            color=style.INK if test.flagged else style.FAINT,
        )  # fmt: skip
    axes.set_yticks(range(len(tests)), names)
    axes.axvline(-math.log10(report.alpha), color=style.INK, linewidth=1, linestyle=(0, (4, 3)))
    marks = [1, 0.1, 0.01, 0.001]
    axes.set_xticks([-math.log10(mark) for mark in marks], [f"{mark:g}" for mark in marks])
    axes.set_xlim(0, -math.log10(LEAST) * 1.1)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("p-value, corrected for the number of tests: how often rows of the same kind differ as much")


def _p_value(p: float) -> str:
    """Return a p-value as it is printed; the permutations cannot tell less than LEAST."""
    return f"{p:.3f}" if p > LEAST else f"≤ {LEAST:g}"


def _draw_shares(axes: Any, name: str, shares: dict[str, tuple[float, float]], width: float) -> None:
    shown = sorted(shares, key=lambda each: (-max(shares[each]), each))[:SHOWN_CLASSES]
    shown = [each for each in shares if each in shown]
    for offset, place, color, label in ((-0.2, 0, "#b8c2cc", "reference"), (0.2, 1, style.BLUE, "current")):
        axes.bar(
            [index + offset for index in range(len(shown))],
            [shares[each][place] for each in shown],
            width=0.38,
            color=color,
            label=label,
        )
    drawn = dict(zip(shares, fonts.drawn(list(shares), _lines(shares)), strict=True))
    texts = [drawn[each] for each in shown]
    crowded = max(map(fonts.inches, texts)) > (width - 1) / len(shown)
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(range(len(shown)), texts, **fonts.look(shown), **turned)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(style.percents())
    axes.legend(frameon=False, fontsize=9, loc="upper right", ncols=2)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.18)
    more = f", the {len(shown)} most frequent of {len(shares)}" if len(shown) < len(shares) else ""
    more += "\n#1, #2, …: see the table" if any(text.startswith("#") for text in texts) else ""
    style.title(axes, _SHARES[name], f"share of rows by class{more}", room=56)


def _draw_points(axes: Any, report: Report) -> None:
    assert report.points is not None
    for points, color, label in zip(report.points, ("#9aa7b4", style.BLUE), ("reference", "current"), strict=True):
        axes.scatter(points[:, 0], points[:, 1], s=11, color=color, alpha=0.65, linewidths=0, label=label)
    axes.set(xlabel="first direction", ylabel="second direction")
    axes.xaxis.set_major_locator(style.few_ticks())
    axes.yaxis.set_major_locator(style.few_ticks())
    axes.legend(frameon=False, fontsize=9, loc="upper right", ncols=2)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.14 * (high - low))
    style.title(axes, "The model's features", "their two main directions; a point is a row")


def page(report: Report, recipe: str, reference: str, current: str, picture: Path | None = None) -> str:
    """Return the page as one string: styles inline, the picture as a data URI, nothing fetched.

    reference, current: what the two samples are, in words; picture: what `figure` drew. Raises OSError when the
    picture cannot be read.
    """
    facts = {
        "reference": f"{reference}, {report.rows[0]:,} rows",
        "current": f"{current}, {report.rows[1]:,} rows",
        "compared": f"{report.used[0]:,} and {report.used[1]:,} rows",
        "seed": str(report.seed),
    }
    sections = [_verdict_section(report)]
    if picture is not None and report.tests:
        sections.append(house.section("Figure", house.figure(house.Figure(picture, summary(report), wide=True))))
    if report.tests:
        sections.append(house.section("Tests", _table(report)))
    sections += [
        house.section(_SHARES.get(kind, f"Column {kind}"), _share_table(shares))
        for kind, shares in report.shares.items()
    ]
    if report.words is not None and not report.undecided:
        sections.append(house.section("Words", _words(report)))
    sections.append(house.section("How to read this", _reading(report)))
    return house.document(recipe, f"{recipe} drift · Chainrule", "Chainrule drift", facts, sections, style=_STYLE)


def _verdict_section(report: Report) -> str:
    word = verdict(report)
    kind = {"drift": "bad", "no drift": "good", "no verdict": "open"}[word]
    least: dict[str, Test] = {}
    for test in sorted(report.tests, key=lambda test: test.corrected):
        least.setdefault(test.about, test)
    bars = "".join(
        f'<div class="bar{" model" if test.flagged else ""}"><span class="name">{escape(about)}</span>'
        f'<span class="track"><i class="fill" style="width:{_length(test.corrected)}"></i>'
        f'<i class="level" style="left:{_length(report.alpha)}"></i></span>'
        f'<span class="number">{_p_value(test.corrected)}</span></div>'
        for about, test in least.items()
    )
    why = report.undecided or _named(report.tests)
    legend = (
        "<p class='note'>The smallest corrected p-value of each kind of test: the longer the bar, the smaller; "
        f"the mark is the level of {report.alpha:g}.</p>"
    )
    return (
        f'<section class="headline {kind}"><div class="big"><p class="over">{_headline(report)}</p>'
        f'<p class="score">{word[0].upper()}{word[1:]}</p><p>{escape(why)}</p></div>'
        f'<div class="bars">{bars}{legend if bars else ""}</div></section>'
    )


def _headline(report: Report) -> str:
    flagged = sum(test.flagged for test in report.tests)
    return f"{flagged} of {len(report.tests)} tests flagged" if report.tests else "No test was made"


def _named(tests: Sequence[Test]) -> str:
    named = [_title(test) for test in sorted(tests, key=lambda test: test.corrected) if test.flagged]
    return ", ".join(named) if named else "Nothing differs more than rows of the same kind do."


def _title(test: Test) -> str:
    return test.name if test.name in test.about else f"{test.name} ({test.about})"


def _table(report: Report) -> str:
    lines = []
    for test in sorted(report.tests, key=lambda test: (test.corrected, test.about, test.name)):
        index = "" if test.stability is None else f"{test.stability:.3f}"
        own = ' class="own"' if test.flagged else ""
        lines.append(
            f"<tr><th>{escape(test.name)} <small>{escape(test.about)}; {escape(test.said)}</small></th>"
            f"<td>{test.value:.4g}<small>{escape(test.statistic)}</small></td><td>{index}</td>"
            f"<td>{_p_value(test.p)}</td><td{own}>{_p_value(test.corrected)}{_FLAG if test.flagged else ''}</td></tr>"
        )
    return (
        '<div class="scroll"><table><thead><tr><th>what</th><th>statistic</th><th>stability index</th><th>p‑value</th>'
        f"<th>corrected</th></tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _lines(shares: Mapping[str, object]) -> int:
    """The most lines that the name of one of so many classes may take in the picture."""
    return 2 if len(shares) <= 8 else 1


def _share_table(shares: Mapping[str, tuple[float, float]]) -> str:
    """The shares behind the picture, with the numbers that stand in it for names that it cannot show."""
    drawn = fonts.drawn(list(shares), _lines(shares))
    lines = "".join(
        f"<tr><th>{escape(name)}{f' <small>{shown}</small>' if shown.startswith('#') else ''}</th>"
        f"<td>{before:.1%}</td><td>{after:.1%}</td></tr>"
        for shown, (name, (before, after)) in zip(drawn, shares.items(), strict=True)
    )
    return (
        '<div class="scroll"><table><thead><tr><th>class</th><th>reference</th><th>current</th></tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _words(report: Report) -> str:
    assert report.words is not None
    lists = [("New", report.words.new), ("Gone", report.words.gone)]
    shown = "".join(
        f"<dt>{title}</dt><dd>{escape(', '.join(f'{word} ({count})' for word, count in words)) or 'none'}</dd>"
        for title, words in lists
    )
    note = (
        f"{report.words.unknown:.1%} of the current words are not in the reference. Some always are: the test of "
        "unknown words says whether these are more than usual."
    )
    return f'<dl class="facts stacked">{shown}</dl><p class="note">{note}</p>'


def _reading(report: Report) -> str:
    said = [
        f"Rows of the same kind are flagged with a chance of {report.alpha:g}, all tests together. {_CHANCES}",
        f"{report.units[0]:,} and {report.units[1]:,} {report.unit}s: {report.notes[0]}.",
        *(f"{note[0].upper()}{note[1:]}." for note in report.notes[1:]),
        _INDEX,
    ]
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in said) + "</ul>"


def _length(chance: float) -> str:
    return f"{100 * math.log10(max(chance, LEAST)) / math.log10(LEAST):.1f}%"


_SHARES = {"labels": "Label balance", "predictions": "Predicted classes"}
_FLAG = "<small>flagged</small>"
_CHANCES = (
    "A p-value is how often rows of the same kind differ as much, in 999 permutations, corrected for the number of "
    "tests (Westfall and Young 1993, step-down)."
)
_INDEX = (
    "A stability index under 0.1 is commonly called alike, above 0.25 another population; with few rows it is large by "
    "chance, so it decides nothing here."
)
_STYLE = """
.headline.bad{--own:#d55e00}.headline.good{--own:#009e73}.headline.open{--own:#6b7785}
.score{font-size:2.6rem}.track .level{width:2px;background:var(--ink)}
.stacked{display:block;font-size:.95rem}.stacked dt{margin-right:0;font-weight:600}.stacked dd{margin:0 0 .7rem}
ul{margin:0;padding-left:1.1rem}li+li{margin-top:.35rem}tbody th small{max-width:34rem}
""".replace("\n", "")
