"""The loss surface: how the validation loss grows around the weights, and how flat it is where they are."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from chainrule.evaluation import page, style
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.examination import landscape
from chainrule.examination.amounts import amount
from chainrule.examination.blocks import seen
from chainrule.examination.looked import Looked, one_row
from chainrule.system import plugins
from chainrule.training import rows

SPAN = 1.0
"""How far the picture goes: there a filter has moved as far as it is long."""
BATCH = 64
FEWEST_ROWS, FEWEST_STEPS = 32, 2
"""What a picture is not made with less than."""
LEVELS = 9


def part(looked: Looked) -> Part | None:
    """Return the picture of the loss along two random directions; None where the settings want none."""
    settings = looked.settings
    if not settings.surface_steps:
        return None
    count, steps = affordable(
        seen(looked.model, one_row(looked)).work or 0,
        min(settings.surface_rows, len(looked.inputs)),
        settings.surface_steps,
        settings.surface_work,
    )
    objective = _objective(looked)
    picked = torch.randperm(len(looked.inputs), generator=torch.Generator().manual_seed(looked.seed))[:count]
    batches = [looked.inputs.take(index, None) for index in torch.split(picked.sort().values, BATCH)]
    weights = {name: weight.detach() for name, weight in objective.named_parameters()}
    generator = torch.Generator().manual_seed(looked.seed)
    along = (landscape.direction(weights, generator), landscape.direction(weights, generator))
    if not along[0]:
        raise NotShownError("the model has no weights with filters to move along")
    places = np.linspace(-SPAN, SPAN, 2 * steps + 1)
    found = landscape.losses(landscape.mean_loss(objective, batches), weights, along, list(places))
    if not np.isfinite(found[steps, steps]):
        raise NotShownError("the loss at the weights themselves is no finite number")
    numbers = _numbers(found, places, count)
    caption = (
        f"Loss on {count:,} validation rows around the weights (the cross), along two random directions. At 1 each "
        "filter has moved as far as it is long."
    )
    image = f'<div class="scroll"><img src="{page.data_uri(picture(found, places))}" alt="{caption}"></div>'
    said = "".join(f"<p>{sentence}</p>" for sentence in in_words(numbers))
    return Part("Loss surface", f"{said}<figure>{image}<figcaption>{caption}</figcaption></figure>", numbers)


def affordable(work: int, count: int, steps: int, most: int) -> tuple[int, int]:
    """Return how many rows and how many steps to each side cost at most `most` thousand million multiply-adds.

    work: of one row. First there are fewer rows, then fewer steps; NotShownError where both would be too few.
    """

    def points(steps: int) -> int:
        return (2 * steps + 1) ** 2

    least = min(count, FEWEST_ROWS)
    while steps > FEWEST_STEPS and points(steps) * least * work > most * 10**9:
        steps -= 1
    if points(steps) * least * work > most * 10**9:
        raise NotShownError(
            f"{points(steps)} points on {least} rows take {amount(points(steps) * least * work)} multiply-adds; "
            f"evaluate.examine.surface_work allows {amount(most * 10**9)}"
        )
    return (min(count, most * 10**9 // (points(steps) * work)) if work else count), steps


def _objective(looked: Looked) -> nn.Module:
    """Return what the model was fine-tuned for, around the model as it is."""
    card = looked.card
    encoded = torch.from_numpy(rows.encoded_target(looked.train, card, card["target_facts"]))
    task = plugins.load(f"tasks.{card['task']}", "model")
    objective: nn.Module = task.objective(looked.model, card["target_facts"], encoded, **card["objective"])
    return objective.eval()


def _numbers(found: np.ndarray, places: np.ndarray, count: int) -> dict[str, Any]:
    middle = len(places) // 2
    centre = float(found[middle, middle])
    rings = landscape.rings(found, list(places))
    doubled = next((far for far, mean in rings[1:] if not mean < 2 * centre), None)
    return {
        "rows": count,
        "points": found.size,
        "loss": round(centre, 6),
        "lowest": round(float(np.nanmin(found)), 6),
        "rings": [[round(far, 4), round(mean, 6) if np.isfinite(mean) else None] for far, mean in rings],
        "doubled_at": None if doubled is None else round(doubled, 4),
        "not_finite": int((~np.isfinite(found)).sum()),
    }


def in_words(numbers: Mapping[str, Any]) -> list[str]:
    """Return what the picture says as sentences."""
    far = numbers["rings"][-1]
    at = "no finite number" if far[1] is None else f"{far[1]:.3g}"
    found = [f"The loss is {numbers['loss']:.3g} at the weights, and on average {at} at the edge."]
    if numbers["doubled_at"] is None:
        found.append("Flat: within the picture it does not double on average.")
    else:
        found.append(
            f"On average it has doubled by the time each filter has moved by {numbers['doubled_at']:.0%} of its "
            "length: the further, the flatter, and the less rounding or other rows can do."
        )
    if numbers["lowest"] < 0.9 * numbers["loss"]:
        found.append(
            f"It is lower elsewhere in the picture ({numbers['lowest']:.3g}): on these rows the weights are at no "
            "minimum."
        )
    if numbers["not_finite"]:
        found.append(f"At {numbers['not_finite']} points it is no finite number.")
    return found


def picture(found: np.ndarray, places: np.ndarray) -> bytes:
    """Return losses [up, across] as a PNG: colours and contours on a logarithmic scale, a cross at the middle."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter, NullFormatter

    finite = found[np.isfinite(found)]
    low = max(float(finite.min()), 1e-12)
    high = max(float(finite.max()), low * 1.01)
    shown = np.clip(np.nan_to_num(found, nan=high, posinf=high), low, high)
    figure, axes = style.house_figure(style.HALF, 0.86 * style.HALF)
    axes.grid(visible=False)
    colours = axes.pcolormesh(places, places, shown, norm=LogNorm(low, high), cmap="viridis", shading="gouraud")
    levels = np.geomspace(low, high, LEVELS)[1:-1]
    lines = axes.contour(places, places, shown, levels=levels, colors="white", linewidths=0.8)
    axes.clabel(lines, fmt=lambda value: f"{value:.3g}", fontsize=7)
    axes.plot(0, 0, "+", color=style.RED, markersize=11, markeredgewidth=2)
    axes.set(xlabel="along the first direction", ylabel="along the second", aspect="equal")
    bar = figure.colorbar(colours, ax=axes, format=FuncFormatter(lambda value, _: f"{value:.3g}"), shrink=0.85)
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.set_label("loss", color=style.FAINT, size=9)
    style.title(axes, "Loss surface", "each point is the model with its weights moved", room=60)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
