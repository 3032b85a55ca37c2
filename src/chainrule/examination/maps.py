"""Weights of a row's parts as HTML, one function per kind of input: signs are written, colours only help."""

import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from chainrule.evaluation import page, spectrogram
from chainrule.evaluation.explanation.divided import Parts
from chainrule.evaluation.explanation.parts.audio import shape as pieces_of

STYLE = (
    ".why{border-top:1px solid var(--line);padding-top:.9rem;margin-top:1.1rem}.why h3{font-size:1rem;margin:0 0 .6rem}"
    ".ways{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,var(--least)),1fr))}"
    ".ways figure{text-align:left}.ways figcaption{margin-bottom:.3rem}"
    ".weighed{margin:0;line-height:2;overflow-wrap:anywhere}.weighed span{padding:.1rem .15rem;border-radius:.2rem}"
    ".weighed sup{font-weight:700;line-height:0}"
    ".up{border-bottom:2px solid #0072b2}.down{border-bottom:2px dashed #d55e00}"
    ".tiles{width:100%;max-width:15rem;height:auto;display:block;border:1px solid var(--line);border-radius:.3rem}"
    ".cells td{white-space:nowrap}.cells td.up,.cells td.down{border-bottom-width:2px}"
)
_UP, _DOWN = (0, 114, 178), (213, 94, 0)
_MARKED = 0.1  # of the largest weight: smaller ones have no sign
_TILES_MARKED = 3
_NOTHING = 1e-6  # what float32 may say of a part that changes nothing
_COLUMNS = 12
_COVER = "width='100%' height='100%' style='image-rendering:pixelated'"
_STRONGEST = 0.75  # how much a colour covers


def sheet(kind: str, row: Any, parts: Parts, found: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return what each method says of a row, side by side.

    kind: audio, image, interaction, text or table; row: the PNG of an image, the WAV of a sound; found:
    `weighing.Explained` by method.
    """
    if kind in ("interaction", "table"):
        return _cells(parts, found, titles)
    if kind == "audio":
        return _sounds(row, parts, found, titles)
    draw, least = (_tiles, "9rem") if kind == "image" else (_words, "24rem")
    figures = "".join(
        f"<figure><figcaption>{escape(titles[name])}</figcaption>{draw(row, parts, each)}</figure>"
        for name, each in found.items()
    )
    return f'<div class="ways" style="--least:{least}">{figures}</div>'


def strongest(names: Sequence[str], weights: np.ndarray) -> str:
    """Return in words which parts speak most for what is said, and which against it."""
    order = np.argsort(-np.abs(weights), kind="stable")[:_TILES_MARKED]
    return ", ".join(f"{names[part]} {_signed(weights[part])}" for part in order if weights[part]) or "nothing"


def _words(row: Any, parts: Parts, found: Any) -> str:
    shares = _shares(found.weights)
    said, field = [], parts.about[0]["field"] if parts.about else ""
    for about, weight, share in zip(parts.about, found.weights, shares, strict=True):
        if about["field"] != field:
            field = about["field"]
            said.append("<br>")
        said.append(_word(about["text"], weight, share))
    return f'<p class="weighed" dir="auto">{" ".join(said)}</p>'


def _word(text: str, weight: float, share: float) -> str:
    kind, sign = _kind(weight, share)
    mark = f"<sup>{sign}</sup>" if kind else ""
    own = f' class="{kind}"' if kind else ""
    return f'<span{own} style="{_shade(weight, share)}" title="{_signed(weight)}">{escape(text)}{mark}</span>'


def _tiles(png: bytes, parts: Parts, found: Any) -> str:
    places = found.weights[parts.owner] if found.places is None else found.places
    height, width = parts.owner.shape
    names = [_where(about, height, width) for about in parts.about]
    shares = _shares(found.weights)
    marks = []
    for part in np.argsort(-np.abs(found.weights), kind="stable")[:_TILES_MARKED]:
        kind, sign = _kind(found.weights[part], shares[part])
        if kind:
            about = parts.about[part]
            x, y = (about["left"] + about["right"]) / 2, (about["top"] + about["bottom"]) / 2
            marks.append(f'<text x="{x:g}" y="{y:g}">{sign}</text>')
    size = max(height, width) / 9
    label = f"Strongest: {strongest(names, found.weights)}"
    return (
        f'<svg class="tiles" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
        f'<image href="{page.data_uri(png)}" {_COVER}/><image href="{page.data_uri(_heat(places))}" {_COVER}/>'
        f'<g font-size="{size:g}" font-weight="700" text-anchor="middle" dominant-baseline="central" fill="#fff" '
        f'stroke="#000" stroke-width="{size / 6:g}" paint-order="stroke">{"".join(marks)}</g></svg>'
        f'<p class="note">{escape(label)}</p>'
    )


def _sounds(wav: bytes, parts: Parts, found: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return what each method says of a sound, its pieces in their places: low below, time from left to right."""
    size = pieces_of(parts.about)
    bands, times = size
    figures = []
    for name, each in found.items():
        label = f"Strongest: {strongest([piece(about) for about in parts.about], each.weights)}"
        picture = f"<image href='{page.data_uri(_heat(each.weights.reshape(size)[::-1]))}' {_COVER}/>"
        figures.append(
            f"<figure><figcaption>{escape(titles[name])}</figcaption>"
            f'<svg class="tiles" viewBox="0 0 {times} {bands}" preserveAspectRatio="none" role="img" '
            f'aria-label="{escape(label)}">{picture}</svg><p class="note">{escape(label)}</p></figure>'
        )
    shown = spectrogram.element(wav, "the row")
    return f'{shown}<div class="ways" style="--least:9rem">{"".join(figures)}</div>'


def piece(about: Mapping[str, Any]) -> str:
    """Return a piece of a sound in words."""
    return f"{about['from']:.2f} to {about['to']:.2f} s, {about['low']:g} to {about['high']:g} Hz"


def _heat(places: np.ndarray) -> bytes:
    """Return a PNG [H, W] that is the clearer the less a place weighs."""
    shares = _shares(places)[..., None]
    colour = np.where(places[..., None] >= 0, _UP, _DOWN)
    pixels = np.concatenate([colour, 255 * _STRONGEST * shares], axis=-1).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG")
    return buffer.getvalue()


def _where(about: Mapping[str, int], height: int, width: int) -> str:
    """Return in words where a tile is."""
    down, across = (about["top"] + about["bottom"]) / 2 / height, (about["left"] + about["right"]) / 2 / width
    row = "top" if down < 1 / 3 else "bottom" if down > 2 / 3 else "middle"
    column = "left" if across < 1 / 3 else "right" if across > 2 / 3 else "centre"
    return f"{row} {column}"


def _cells(parts: Parts, found: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    shares = np.stack([_shares(each.weights) for each in found.values()], axis=1)
    order = np.argsort(-shares.max(axis=1), kind="stable")
    lines = []
    for part in order[:_COLUMNS]:
        cells = "".join(
            _cell(each.weights[part], share) for each, share in zip(found.values(), shares[part], strict=True)
        )
        lines.append(f'<tr><th class="name" dir="auto">{escape(named(parts.about[part]))}</th>{cells}</tr>')
    heads = "".join(f"<th>{escape(titles[name])}</th>" for name in found)
    left = len(parts.about) - len(lines)
    note = f'<p class="note">{left:,} more columns weigh less.</p>' if left else ""
    return (
        '<div class="scroll"><table class="cells"><thead><tr><th class="name">column</th>'
        f"{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>{note}"
    )


def named(about: Mapping[str, Any]) -> str:
    """Return a part of a row of a table, or of a text, in words."""
    if "text" in about:
        return str(about["text"])
    if "columns" in about:
        return ", ".join(about["columns"])
    value = about["value"]
    shown = "missing" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{about['column']} = {shown}"


def _cell(weight: float, share: float) -> str:
    kind, _ = _kind(weight, share)
    own = f' class="{kind}"' if kind else ""
    return f'<td{own} style="{_shade(weight, share)}">{_signed(weight)}</td>'


def _shares(weights: np.ndarray) -> np.ndarray:
    """Return how large each weight is beside the largest of them, 0 to 1."""
    sizes: np.ndarray = np.abs(weights)
    most = sizes.max(initial=0.0)
    return np.asarray(sizes / (most or 1.0))


def _kind(weight: float, share: float) -> tuple[str, str]:
    if share < _MARKED:
        return "", ""
    return ("up", "+") if weight > 0 else ("down", "−")


def _shade(weight: float, share: float) -> str:
    red, green, blue = _UP if weight > 0 else _DOWN
    return f"background:rgba({red},{green},{blue},{0.45 * share:.2f})"


def _signed(weight: float) -> str:
    return f"{weight:+.3g}".replace("-", "−") if abs(weight) > _NOTHING else "0"
