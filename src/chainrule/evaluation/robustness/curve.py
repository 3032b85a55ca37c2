"""A score against the strength of what is done to the inputs, as a picture in a page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

WIDTH, HEIGHT = 360, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 14, 44
_LOOKS = (("var(--own)", ""), ("#d55e00", "5 3"), ("#009e73", "2 3"))


class Curve(NamedTuple):
    """A line: its name, and by ascending strength (0: inputs as they are) value, low and high of a score."""

    name: str
    strengths: Sequence[float]
    scores: Sequence[Mapping[str, Any]]


def to_svg(curves: Sequence[Curve], score: str, strength: str, share: bool) -> str:
    """Return the picture with a key; score, strength: what the axes show; share: whether the score is from 0 to 1."""
    ends = [each[end] for curve in curves for each in curve.scores for end in ("value", "high")]
    most = 1.0 if share else max((end for end in ends if end is not None), default=1.0) or 1.0
    last = max(curve.strengths[-1] for curve in curves) or 1.0

    def x(at: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * at / last

    def y(at: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * at / most

    parts = []
    for step in range(5):
        at = most * step / 4
        label = f"{at:.2g}"
        parts.append(
            f'<path d="M{_LEFT} {y(at):.1f}H{WIDTH - _RIGHT}" stroke="var(--line)"/>'
            f'<text x="{_LEFT - 6}" y="{y(at) + 4:.1f}" text-anchor="end">{label}</text>'
        )
    parts += [
        f'<text x="{x(at):.1f}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{at:g}</text>'
        for at in dict.fromkeys(at for curve in curves for at in curve.strengths)
    ]
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(strength)}</text>')
    for curve, (colour, dash) in zip(curves, _LOOKS, strict=False):
        parts.append(_line(curve, colour, dash, x, y))
    said = "; ".join(
        f"{curve.name}: "
        + ", ".join(f"{_told(each)} at {at:g}" for at, each in zip(curve.strengths, curve.scores, strict=True))
        for curve in curves
    )
    key = "".join(
        f'<span style="white-space:nowrap;margin-right:1rem"><svg width="26" height="8" aria-hidden="true"><path '
        f'd="M1 4H25" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/></svg> {escape(curve.name)}</span>'
        for curve, (colour, dash) in zip(curves, _LOOKS, strict=False)
    )
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(f"{score} by {strength}. {said}")}" '
        'style="width:100%;max-width:34rem;height:auto;font-size:11px;fill:var(--faint)">'
        f"{''.join(parts)}</svg><figcaption>{key}<br>{escape(score)} with its 95% interval</figcaption></figure>"
    )


def _line(curve: Curve, colour: str, dash: str, x: Any, y: Any) -> str:
    there = [
        (x(at), *(y(each[end] if each[end] is not None else each["value"]) for end in ("value", "low", "high")))
        for at, each in zip(curve.strengths, curve.scores, strict=True)
        if each["value"] is not None
    ]
    band = [(at, low) for at, _, low, _ in there] + [(at, high) for at, _, _, high in reversed(there)]
    line = " ".join(f"{at:.1f},{value:.1f}" for at, value, _, _ in there)
    points = "".join(f'<circle cx="{at:.1f}" cy="{value:.1f}" r="2.6" fill="{colour}"/>' for at, value, _, _ in there)
    area = " ".join(f"{at:.1f},{end:.1f}" for at, end in band)
    return (
        f'<polygon points="{area}" fill="{colour}" opacity=".15"/><polyline points="{line}" fill="none" '
        f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>{points}'
    )


def _told(score: Mapping[str, Any]) -> str:
    return "undefined" if score["value"] is None else f"{score['value']:.3f}"
