"""What the heads of a transformer look at.

Vaswani et al. 2017, https://arxiv.org/abs/1706.03762. That heads look at the token before, at themselves or at the
marks between texts: Clark et al. 2019, https://arxiv.org/abs/1906.04341, section 3. A weight says what a head reads
from, and not what the answer hangs on (Jain & Wallace 2019, https://arxiv.org/abs/1902.10186).
"""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import torch

from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table, Word
from chainrule.examination import heat, strips, transformer, words
from chainrule.examination.looked import Looked
from chainrule.training import rows
from chainrule.training.bodies.text import WINDOWED

MEASURED = 24
"""Rows over which the heads' habits are averaged."""
LONGEST = 256
"""Tokens of a row that are looked at: weights grow with their square."""
DRAWN = 36
"""Tokens of a row that are drawn: more could not be read."""
HABIT = 0.4
"""Share of its weight from which on a head is said to look at one thing."""
_CELL, _LABELS = 18, 96


class _Row(NamedTuple):
    """A row that was looked at: its tokens, and its weights per layer [heads, T, T]."""

    place: int
    ids: np.ndarray
    weights: list[np.ndarray]


def part(looked: Looked) -> Part | None:
    """Return the attention of heads and layers; None of a net without any, or of one that does not show it."""
    if looked.card["modality"] in ("interaction", "table"):
        return None
    standing = words.standing(looked)
    order = np.argsort(standing, kind="stable")
    first = _row(looked, int(order[-1]))
    if not first.weights:
        return None
    layer = _layer(looked, len(first.weights))
    # The row that is told best, and the one that is told worst if it is wrong.
    drawn = [first] + ([_row(looked, int(order[0]))] if standing[order[0]] < 0 else [])
    if looked.card["modality"] == "image":
        return _over_images(looked, drawn, layer)
    return _over_texts(looked, drawn, layer)


def _layer(looked: Looked, layers: int) -> int:
    """Return the place of the layer that is drawn; NotShownError where there is none of that number."""
    asked: int | None = looked.settings.layer
    if asked is not None and asked > layers:
        raise NotShownError(f"evaluate.examine.layer is {asked}, and the net has {layers} layers with attention")
    return (asked or layers) - 1


def _row(looked: Looked, place: int) -> _Row:
    device = next(looked.model.parameters()).device
    batch = {name: tensor.to(device) for name, tensor in looked.inputs.take(torch.tensor([place]), None).items()}
    if looked.card["modality"] != "text":
        return _Row(place, np.zeros(0, np.int64), transformer.attention(looked, batch))
    windowed = batch["input_ids"].ndim == WINDOWED
    if windowed:  # a net sees one at a time: the first stands for the text
        batch = {name: tensor[:, :1] if tensor.ndim >= WINDOWED else tensor for name, tensor in batch.items()}
    real = min(int(batch["attention_mask"].sum()), LONGEST)
    if windowed:
        batch = {name: tensor[:, :, :real] if tensor.ndim >= WINDOWED else tensor for name, tensor in batch.items()}
    else:
        batch = {name: tensor[:, :real] for name, tensor in batch.items() if tensor.ndim == 2}
    ids = batch["input_ids"].flatten().cpu().numpy()
    found = [weights for weights in transformer.attention(looked, batch) if weights.shape[1:] == (real, real)]
    return _Row(place, ids, found)


def _over_texts(looked: Looked, drawn: Sequence[_Row], layer: int) -> Part:
    some = np.random.default_rng(looked.seed).permutation(len(looked.rows))[:MEASURED]
    measured = [row for row in (_row(looked, int(place)) for place in some) if len(row.ids) > 1]
    special = set(looked.facts["special_ids"])
    body = "".join(_square(looked, row, layer) for row in drawn) + _grid(looked, drawn[-1])
    numbers: dict[str, Any] = {"layers": len(drawn[0].weights), "heads": len(drawn[0].weights[0]), "layer": layer + 1}
    if measured:
        shown, habits = _habits(measured, special)
        body += page.table(shown)
        numbers["habits"] = habits
    return Part("Attention", f'<p class="note">{_READ}</p>{body}', numbers)


_READ = (
    "A line of a square is a token, and a cell how much of its attention goes to the token of that column: a line sums "
    "to 1. The darkest is the most of its square, and half as dark a quarter of it. What a head reads from is not what "
    "the answer hangs on."
)


def _tokens(looked: Looked, ids: np.ndarray) -> list[str]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(looked.facts["tokenizer"])
    # Blanks before a word, as the usual tokenizers write them.
    tokens = [str(tokenizer.id_to_token(int(token))) for token in ids]
    return [token.lstrip("▁Ġ") or token for token in tokens]


def _square(looked: Looked, row: _Row, layer: int) -> str:
    """Return tokens × tokens of a row, the mean of a layer's heads, as a drawing."""
    length = min(len(row.ids), DRAWN)
    mean = row.weights[layer].mean(axis=0)[:length, :length]
    tokens = [token if len(token) <= 11 else f"{token[:10]}…" for token in _tokens(looked, row.ids[:length])]
    side = length * _CELL
    picture = _picture(mean)
    lines = "".join(
        f'<text x="{_LABELS - 6}" y="{_LABELS + (place + 0.72) * _CELL:.1f}" text-anchor="end">{escape(token)}</text>'
        f'<text transform="translate({_LABELS + (place + 0.72) * _CELL:.1f} {_LABELS - 6}) rotate(-90)">'
        f"{escape(token)}</text>"
        for place, token in enumerate(tokens)
    )
    most = np.unravel_index(mean.argmax(), mean.shape)
    cut = f"; the first {length} of {len(row.ids)} tokens" if length < len(row.ids) else ""
    caption = (
        f"{words.told(looked, row.place)}. Layer {layer + 1}, the mean of its {len(row.weights[layer])} heads{cut}"
    )
    strongest = f"most: {tokens[most[0]]} looks at {tokens[most[1]]} with {mean.max():.2f}"
    whole = side + _LABELS
    return (
        f'<figure class="wide" style="text-align:left"><div class="scroll"><svg viewBox="0 0 {whole} {whole}" '
        f'role="img" aria-label="{escape(f"Attention of {caption}; {strongest}")}" width="{whole}" height="{whole}" '
        f'font-size="12" fill="var(--ink)"><image x="{_LABELS}" y="{_LABELS}" width="{side}" height="{side}" '
        f'href="{picture}" preserveAspectRatio="none" style="image-rendering:pixelated"/>{lines}</svg></div>'
        f'<figcaption dir="auto">{escape(caption)}; {escape(strongest)}.</figcaption></figure>'
    )


def _picture(weights: np.ndarray) -> str:
    """Return weights [T, T] as the address of a picture, from nothing to the most of them."""
    return page.data_uri(heat.png(heat.shares(np.sqrt(weights / max(float(weights.max()), 1e-12)))))


def _grid(looked: Looked, row: _Row) -> str:
    """Return a small square for every head of every layer, layer by layer."""
    length = min(len(row.ids), DRAWN)
    lines = []
    for number, layer in enumerate(row.weights, 1):
        heads = "".join(
            f'<img src="{_picture(weights[:length, :length])}" width="72" height="72" '
            f' alt="layer {number}, head {head}" title="layer {number}, head {head}" '
            'style="image-rendering:pixelated;border:1px solid var(--line);flex:none">'
            for head, weights in enumerate(layer, 1)
        )
        lines.append(
            '<div style="display:flex;gap:.35rem;align-items:center;margin:.3rem 0">'
            f'<small style="flex:none;width:1.6rem">{number}</small>{heads}</div>'
        )
    caption = f"{words.told(looked, row.place)}. Every head: a line of squares is a layer, the first above"
    return (
        f'<figure class="wide" style="text-align:left;margin-top:1rem"><div class="scroll">{"".join(lines)}</div>'
        f'<figcaption dir="auto">{escape(caption)}.</figcaption></figure>'
    )


_AT = ("itself", "the token before", "the token behind", "marks")


def _habits(measured: Sequence[_Row], special: set[int]) -> tuple[Table, list[dict[str, Any]]]:
    """Return what each head looks at, as a table and as numbers."""
    found = []
    for layer in range(len(measured[0].weights)):
        each = np.stack([habits(row.weights[layer], np.isin(row.ids, list(special))) for row in measured])
        found += [(layer + 1, head + 1, *mean) for head, mean in enumerate(each.mean(axis=0))]
    lines = []
    for layer, head, bits, *shares in found:
        most = int(np.argmax(shares))
        mostly = _AT[most] if shares[most] >= HABIT else "no one thing"
        lines.append((Word(f"{layer}.{head}"), Word(mostly), *(f"{share:.0%}" for share in shares), f"{bits:.1f}"))
    heads = (Word("layer.head"), Word("mostly at"), *_AT, "bits")
    note = (
        f"Mean over the tokens of {len(measured)} validation rows. Marks: the tokens at the ends of texts. Bits: how "
        f"widely a head looks, its entropy: 0 is one token, each bit doubles them. Mostly: {HABIT:.0%} or more."
    )
    numbers = [
        {"layer": layer, "head": head, "bits": round(float(bits), 4)}
        | {name: round(float(share), 4) for name, share in zip(_AT, shares, strict=True)}
        for layer, head, bits, *shares in found
    ]
    return Table("", heads, lines, [note], tall=len(lines) > 16), numbers


def habits(weights: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Return of each head, by its weights [heads, T, T], [heads, 5], means over its tokens.

    The entropy in bits; the weight at the token itself, at the one before, at the one behind, and at tokens that are
    `marks`, bool [T]. The first token has none before it, the last none behind, and neither counts there.
    """
    logs = np.log2(np.where(weights > 0, weights, 1))
    bits = -(weights * logs).sum(axis=2).mean(axis=1)
    near = [np.diagonal(weights, offset, axis1=1, axis2=2).mean(axis=1) for offset in (0, -1, 1)]
    return np.stack([bits, *near, weights[:, :, marks].sum(axis=2).mean(axis=1)], axis=1)


def _over_images(looked: Looked, drawn: Sequence[_Row], layer: int) -> Part | None:
    """Return what the class token looks at, over the image; of a net without one, what its patches look at in mean."""
    heads = drawn[0].weights[layer]
    side = int(np.sqrt(heads.shape[1]))
    before = heads.shape[1] - side**2  # class and register tokens
    if before > _REGISTERS:
        return None
    images = rows.decoded(looked.rows.iloc[[row.place for row in drawn]], looked.card)[0]
    lines = []
    for row, image in zip(drawn, images, strict=True):
        weights = row.weights[layer]
        seen = weights[:, 0, before:] if before else weights.mean(axis=1)
        maps = seen.reshape(len(seen), side, side)
        pictures = [("as it is", image), ("mean of the heads", heat.over(image, maps.mean(axis=0)))]
        pictures += [(f"head {head}", heat.over(image, seen)) for head, seen in enumerate(maps, 1)]
        lines.append(strips.line(words.told(looked, row.place), pictures))
    token = "the class token looks" if before else "the patches look, in mean,"
    note = f"Where {token} in layer {layer + 1}: light is more. What a head reads from is not what the answer hangs on."
    numbers = {"layers": len(drawn[0].weights), "heads": len(heads), "layer": layer + 1}
    return Part("Attention", f'<p class="note">{note}</p>{"".join(lines)}', numbers)


_REGISTERS = 8
