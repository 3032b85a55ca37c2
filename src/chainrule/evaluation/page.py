"""What the pages share: the look, the frame of a page, tables and pictures; nothing is fetched, no script runs."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from chainrule.evaluation.primary import NATS, SHARE, number
from chainrule.evaluation.shown import Cell, Table, Word


class Figure(NamedTuple):
    """A PNG file to show; the caption also stands in for it where it cannot be seen, `wide` gives it
    the full width of the page.
    """

    path: Path
    caption: str
    wide: bool = False


def document(
    heading: str,
    title: str,
    over: str,
    facts: Mapping[str, str],
    sections: Sequence[str],
    above: str = "",
    style: str = "",
) -> str:
    """Return a whole page: styles inline, pictures as data URIs, light or dark as the reader's system.

    over: what kind of page it is; facts: lines below the heading ("task": "image classification"); sections and above,
    which stands first, are HTML; style: CSS of this page alone.
    """
    lines = "".join(f'<dt>{escape(name)}</dt><dd dir="auto">{escape(value)}</dd>' for name, value in facts.items())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head>\n<body><main>{above}"
        f'<header><p class="over">{escape(over)}</p><h1>{escape(heading)}</h1>'
        f'<dl class="facts">{lines}</dl></header>\n'
        + "\n".join(section for section in sections if section)
        + "\n</main></body></html>\n"
    )


def section(title: str, body: str) -> str:
    """Return a titled part of a page; `body` is HTML."""
    return f"<section><h2>{title}</h2>{body}</section>"


def table(shown: Table) -> str:
    """Return a table of words and scores."""
    heads = "".join(
        f'<th class="name">{escape(head)}</th>' if isinstance(head, Word) else f"<th>{escape(head)}</th>"
        for head in shown.heads
    )
    lines = "".join(f"<tr>{_line(row, len(shown.heads))}</tr>" for row in shown.rows)
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in shown.notes)
    kind = "scroll tall" if shown.tall else "scroll"
    return f'<div class="{kind}"><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>{notes}'


def _line(row: Sequence[Cell], width: int) -> str:
    cells = []
    for place, entry in enumerate(row):
        rest = width - place if place == len(row) - 1 else 1
        if isinstance(entry, Word):
            cells.append(f'<th class="name" dir="auto">{escape(entry)}</th>')
        elif isinstance(entry, str):
            cells.append(f"<td{f' colspan={chr(34)}{rest}{chr(34)}' if rest > 1 else ''}>{escape(entry)}</td>")
        else:
            cells.append(cell(entry))
    return "".join(cells)


def figures(shown: Sequence[Figure]) -> str:
    """Return a part of a page with pictures, side by side where they fit; nothing without any."""
    return section("Figures", f'<div class="figures">{"".join(map(figure, shown))}</div>') if shown else ""


def figure(shown: Figure) -> str:
    """Return a picture with its caption, the file's content in the page; raises OSError if it cannot be read."""
    caption = escape(shown.caption)
    source = data_uri(shown.path.read_bytes())
    kind = ' class="wide"' if shown.wide else ""
    image = f'<div class="scroll"><img src="{source}" alt="{caption}"></div>'
    return f"<figure{kind}>{image}<figcaption>{caption}</figcaption></figure>"


def cell(entry: Mapping[str, float | None], kind: str = "", unit: str = SHARE) -> str:
    """Return a score with its interval as a cell."""
    own = f' class="{kind}"' if kind else ""
    if entry["value"] is None:
        return f"<td{own}>undefined</td>"
    value, low, high = (_short(unit, entry[end]) for end in ("value", "low", "high"))
    return f"<td{own}>{value}{'' if entry['low'] is None else f' <small>{low} to {high}</small>'}</td>"


def _short(unit: str, value: float | None) -> str:
    return f"{value:.3f}" if unit in (SHARE, NATS) and value is not None else number(unit, value)


def data_uri(picture: bytes, kind: str = "png") -> str:
    """Return a picture, of a kind such as png or jpeg, as an address that holds it."""
    return f"data:image/{kind};base64,{b64encode(picture).decode('ascii')}"


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
.sound{display:grid;gap:.3rem;min-width:0}.sound img,.mistakes .sound img{width:100%;height:6rem;object-fit:fill;
image-rendering:auto;background:#fff;border-radius:.3rem}.sound audio{width:100%;height:2rem}
.mistakes li{border:1px solid var(--line);border-radius:.5rem;padding:.7rem}
.mistakes p{margin:0;font-size:.9rem;line-height:1.35;overflow-wrap:anywhere}
.picture{display:flex;gap:.8rem;align-items:center}.picture img{width:5.5rem;height:5.5rem;object-fit:contain;
image-rendering:pixelated;background:#888;border-radius:.3rem;flex:none}
.picture:has(.outlined){display:block}.outlined{position:relative;display:block;margin-bottom:.5rem}
.outlined img{display:block;width:100%;height:auto;image-rendering:auto}
.outlined svg{position:absolute;inset:0;width:100%;height:100%}
.outlined rect{fill:transparent;stroke-width:2px;vector-effect:non-scaling-stroke;stroke:#fff}
.outlined .true{stroke:#fff;stroke-dasharray:3 3}.outlined .missed{stroke:#e69f00;stroke-dasharray:5 3}
.outlined .right{stroke:#009e73}.outlined .wrong{stroke:#d55e00}
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
