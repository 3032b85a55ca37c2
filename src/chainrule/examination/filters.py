"""What the first convolution of a net looks for: its filters as small pictures."""

import numpy as np
from torch import nn

from chainrule.evaluation import page
from chainrule.evaluation.parts import Part
from chainrule.examination import heat
from chainrule.examination.looked import Looked

SHOWN = 64
"""Most filters that are shown, the strongest."""
DEAD = 0.01
"""Share of the strongest filter's norm below which one is as good as nothing."""
_SIDE = 52


def part(looked: Looked) -> Part | None:
    """Return the filters of the first convolution over images; None of a net without any."""
    if looked.card["modality"] != "image":
        return None
    found = [module for module in looked.model.modules() if isinstance(module, nn.Conv2d)]
    # A convolution of one pixel has nothing to look at; it may stand before one that has.
    first = next((module for module in found if max(module.kernel_size) > 1), None)
    if first is None:
        return None
    filters = first.weight.detach().float().cpu().numpy()
    if looked.facts["channels"] == 1 and filters.shape[1] == 3:
        # One grey channel is shown three times: what the net makes of it is the sum.
        filters = filters.sum(axis=1, keepdims=True)
    norms = np.sqrt((filters**2).sum(axis=(1, 2, 3)))
    strongest = np.sort(np.argsort(-norms, kind="stable")[:SHOWN])
    dead = int((norms < DEAD * norms.max(initial=0)).sum())
    height, width = filters.shape[2:]
    pictures = "".join(
        f'<img src="{page.data_uri(heat.png(coloured(filters[place])))}" width="{_SIDE}" '
        f'height="{max(round(_SIDE * height / width), 1)}" alt="filter {place + 1}" title="filter {place + 1}" '
        'style="image-rendering:pixelated;border:1px solid var(--line)">'
        for place in strongest
    )
    notes = [_seen(filters, height, width)]
    if len(strongest) < len(filters):
        notes.append(f"The {len(strongest)} strongest of {len(filters):,}.")
    if dead:
        notes.append(f"{dead} of {len(filters):,} filters are as good as nothing: under {DEAD:.0%} of the strongest.")
    said = "".join(f'<p class="note">{note}</p>' for note in notes)
    body = f'{said}<div style="display:flex;flex-wrap:wrap;gap:.35rem;margin-top:.6rem">{pictures}</div>'
    return Part("First filters", body, {"filters": len(filters), "kernel": [height, width], "dead": dead})


def _seen(filters: np.ndarray, height: int, width: int) -> str:
    first = f"What each filter of the first convolution, {height} × {width} pixels, answers to most"
    if filters.shape[1] == 3:
        return f"{first}: its weights as colours, grey where they are 0."
    return f"{first}: light where it is blue, dark where it is orange; white counts for nothing."


def coloured(weights: np.ndarray) -> np.ndarray:
    """Return a filter [C, H, W] as colours uint8 [H, W, 3], from its largest weight down to the negative of it.

    Of three channels red, green and blue, grey at 0; of any other number their sum, blue above 0 and orange below.
    """
    if len(weights) != 3:
        weights = weights.sum(axis=0)
        return heat.signed(weights / max(float(np.abs(weights).max()), 1e-12))
    scaled = weights / max(float(np.abs(weights).max()), 1e-12)
    return np.asarray((127.5 * (1 + scaled)).round(), dtype=np.uint8).transpose(1, 2, 0)
