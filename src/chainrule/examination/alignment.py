"""Where a model that writes looked in what it read, for each word that it wrote.

The weights of the decoder over the encoder's states, mean over layers and heads: a soft alignment of words (Bahdanau et
al. 2015, arXiv:1409.0473, section 5.2.1), which need not be the one that a person would draw.
"""

from html import escape
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.examination import heat, words
from chainrule.examination.looked import Looked

DRAWN = 36
"""Tokens of either side that are drawn: more could not be read."""
MEASURED = 24
"""Rows over which is counted how much of the weight goes where."""
_CELL, _LABELS = 18, 110
_READ = (
    "A line is a token that was written, and a cell how much of its attention went to the token of that column, of "
    "what was read: a line sums to 1, mean of layers and heads. A diagonal is word for word; what leaves it changes "
    "places."
)


def part(looked: Looked) -> Part | None:
    """Return what was looked at as the best and the worst told rows were written; None of a model that does not."""
    if not hasattr(looked.model, "aligned"):
        return None
    order = np.argsort(words.standing(looked), kind="stable")
    if not len(order):
        raise NotShownError("there is no row to look at")
    places = dict.fromkeys([int(order[-1]), int(order[len(order) // 2]), int(order[0])])
    some = np.random.default_rng(looked.seed).permutation(len(looked.rows))[:MEASURED]
    sharpest = [
        float(weights.max(axis=1).mean()) for place in some if len(weights := _looked_at(looked, int(place))[2])
    ]
    body = "".join(_square(looked, place) for place in places)
    numbers: dict[str, Any] = {"rows": len(sharpest), "sharpest": round(float(np.mean(sharpest or [0.0])), 6)}
    note = (
        f"On average over {len(sharpest)} validation rows {numbers['sharpest']:.0%} of a token's attention goes to one "
        "token of the source."
    )
    return Part("Words beside words", f'<p class="note">{_READ}</p>{body}<p class="note">{note}</p>', numbers)


def _looked_at(looked: Looked, place: int) -> tuple[list[str], list[str], np.ndarray]:
    """Return the tokens that were read and written of a row, and weights [T, S]."""
    device = next(looked.model.parameters()).device
    batch = looked.inputs.take(torch.tensor([place]), None)
    given = {name: batch[name].to(device) for name in looked.model.inputs}  # type: ignore[union-attr]
    real = int(given["attention_mask"].sum())
    given = {name: tensor[:, :real] for name, tensor in given.items()}
    tokens, weights = looked.model.aligned(**given)  # type: ignore[operator]
    tokenizer = Tokenizer.from_str(looked.facts["tokenizer"])
    read, written = (_named(tokenizer, ids) for ids in (given["input_ids"][0].tolist(), tokens))
    return read, written, weights


def _named(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    """Return tokens as text; what is only a part of a character is shown as its token."""
    found = []
    for number in ids:
        text = tokenizer.decode([number], skip_special_tokens=False).strip()
        found.append(text if text and "\ufffd" not in text else str(tokenizer.id_to_token(number)))
    return found


def _square(looked: Looked, place: int) -> str:
    """Return what was written beside what was read of a row, as a drawing."""
    read, written, weights = _looked_at(looked, place)
    read, written, weights = read[:DRAWN], written[:DRAWN], weights[:DRAWN, :DRAWN]
    if not weights.size:
        return f'<p dir="auto">{escape(words.told(looked, place))}: nothing was written.</p>'
    width, height = len(read) * _CELL, len(written) * _CELL
    picture = page.data_uri(heat.png(heat.shares(np.sqrt(weights / max(float(weights.max()), 1e-12)))))
    lines = "".join(
        f'<text x="{_LABELS - 6}" y="{_place(at)}" text-anchor="end">{escape(_short(token))}</text>'
        for at, token in enumerate(written)
    )
    lines += "".join(
        f'<text transform="translate({_place(at)} {_LABELS - 6}) rotate(-90)">{escape(_short(token))}</text>'
        for at, token in enumerate(read)
    )
    most = np.unravel_index(weights.argmax(), weights.shape)
    strongest = f"most: {written[most[0]]} looked at {read[most[1]]} with {weights.max():.2f}"
    caption = words.told(looked, place)
    return (
        f'<figure class="wide" style="text-align:left"><div class="scroll"><svg '
        f'viewBox="0 0 {width + _LABELS} {height + _LABELS}" role="img" '
        f'aria-label="{escape(f"Attention between words of {caption}; {strongest}")}" width="{width + _LABELS}" '
        f'height="{height + _LABELS}" font-size="12" fill="var(--ink)"><image x="{_LABELS}" y="{_LABELS}" '
        f'width="{width}" height="{height}" href="{picture}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated"/>{lines}</svg></div>'
        f'<figcaption dir="auto">{escape(caption)}; {escape(strongest)}.</figcaption></figure>'
    )


def _place(at: int) -> str:
    """Return where the name of a line or a column stands."""
    return f"{_LABELS + (at + 0.72) * _CELL:.1f}"


def _short(token: str) -> str:
    return token if len(token) <= 13 else f"{token[:12]}…"
