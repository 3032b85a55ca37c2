"""Pictures side by side, each with words below it."""

from collections.abc import Sequence
from html import escape

import numpy as np

from chainrule.evaluation import page
from chainrule.examination import heat

SIDE = 104
"""Pixels of a page that a picture takes."""


def line(heading: str, pictures: Sequence[tuple[str, np.ndarray]], side: int = SIDE) -> str:
    """Return pictures, colours uint8 [H, W, 1 or 3] with their words, as HTML below a heading."""
    figures = "".join(
        f'<figure style="flex:none;width:{side}px;text-align:left"><img src="{_address(pixels, side)}" '
        f'alt="{escape(f"{heading}: {words}")}" title="{escape(words)}" width="{side}" '
        f'height="{round(side * pixels.shape[0] / pixels.shape[1])}" style="image-rendering:pixelated;display:block">'
        f'<figcaption dir="auto" style="line-height:1.25;overflow-wrap:anywhere">{escape(words)}</figcaption></figure>'
        for words, pixels in pictures
    )
    above = f'<p dir="auto" style="margin:.9rem 0 .3rem;font-size:.92rem">{escape(heading)}</p>' if heading else ""
    return f'{above}<div class="scroll" style="display:flex;gap:.5rem;align-items:flex-start">{figures}</div>'


def _address(pixels: np.ndarray, side: int) -> str:
    """Return a picture's address; one for twice as fine a screen is as fine as is of use."""
    return page.data_uri(heat.png(heat.fitted(pixels, 2 * side)))
