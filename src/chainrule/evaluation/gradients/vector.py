"""Pictures as SVG, drawn by hand: light or dark as the reader's system, the same bytes for the same numbers."""

import math
from html import escape

FONT = 'system-ui,-apple-system,"Segoe UI",Roboto,sans-serif'
STYLE = f"""
.g{{font:12px {FONT}}}.g .ink{{fill:#1f2933}}.g .faint{{fill:#5f6b78}}.g .rule{{stroke:#dfe4e9}}
.g .one{{stroke:#8a97a4}}
.g .keeps{{fill:#0072b2}}.g .shrinks{{fill:#d55e00}}.g .grows{{fill:#aa3377}}.g .between{{fill:#9aa7b4}}
.g .zone{{fill:#d55e00;opacity:.07}}.g .line{{fill:none;stroke:#1f2933;stroke-width:2}}.g .dot{{fill:#1f2933}}
.g .was{{fill:none;stroke:#5f6b78;stroke-width:1.3;stroke-dasharray:4 3}}.g .none{{fill:#e9edf1}}
.g .bold{{font-weight:600}}
@media(prefers-color-scheme:dark){{.g .ink{{fill:#e6eaee}}.g .faint{{fill:#9aa7b4}}.g .rule{{stroke:#313b45}}
.g .one{{stroke:#6b7885}}.g .keeps{{fill:#56b4e9}}.g .shrinks{{fill:#f0803c}}.g .grows{{fill:#e07ab8}}
.g .between{{fill:#566370}}.g .line{{stroke:#e6eaee}}.g .dot{{fill:#e6eaee}}.g .was{{stroke:#9aa7b4}}
.g .none{{fill:#262f38}}}}
""".replace("\n", "")


def picture(width: float, height: float, said: str, parts: list[str]) -> str:
    """Return a whole picture; said stands in for it where it cannot be seen."""
    return (
        f'<svg class="g" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" role="img" '
        f'width="{number(width)}" aria-label="{escape(said)}"><style>{STYLE}</style>{"".join(parts)}</svg>'
    )


def rect(x: float, y: float, width: float, height: float, kind: str, said: str = "") -> str:
    """Return a rectangle; said appears where the pointer is over it."""
    inside = f"<title>{escape(said)}</title>" if said else ""
    at = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f'<rect {at} class="{kind}">{inside}</rect>'


def line(points: list[tuple[float, float]], kind: str) -> str:
    """Return a line through points."""
    return f'<polyline points="{" ".join(f"{number(x)},{number(y)}" for x, y in points)}" class="{kind}"/>'


def dot(x: float, y: float, said: str = "") -> str:
    """Return a point on a line."""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="3" class="dot"><title>{escape(said)}</title></circle>'


def text(x: float, y: float, words: str, kind: str = "ink", anchor: str = "start", turned: float = 0) -> str:
    """Return words; turned: degrees, about their anchor."""
    turn = f' transform="rotate({number(turned)} {number(x)} {number(y)})"' if turned else ""
    at = f'x="{number(x)}" y="{number(y)}"'
    return f'<text {at} class="{kind}" text-anchor="{anchor}"{turn}>{escape(words)}</text>'


def number(value: float) -> str:
    """Return a coordinate with no more digits than can be seen."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def amount(value: float | None) -> str:
    """Return a number as it is read: 0.25, 12, 3e-05."""
    if value is None:
        return "–"
    return f"{value:.3g}" if value == 0 or 0.001 <= abs(value) < 1e4 else f"{value:.1e}"


def powers(low: float, high: float, most: int = 9) -> list[int]:
    """Return the exponents of ten at which an axis from low to high has its marks."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = max(1, math.ceil((last - first) / most))
    return [exponent for exponent in range(first, last + 1) if exponent % step == 0]


def power(exponent: int) -> str:
    """Return a power of ten in words that need no small print: 0.01, 1, 100, 1e-07."""
    return f"{10.0**exponent:g}"
