"""The picture of a graph's variants: size, latency and quality side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.evaluation import style
from chainrule.evaluation.primary import SHARE, Primary, words

ABSENT = "#b8c2cc"


def variants(table: Mapping[str, Mapping[str, Any]], decisive: Primary, path: Path) -> None:
    """Draw a bar per variant for bytes, milliseconds per call at each batch size, and PRIMARY on validation rows.

    table: by name, what `measured/tables/<recipe>.json` holds; what was not measured is said in words. Variants that
    do not ship are grey.
    """
    names = list(table)
    panels = (
        ("bytes", "File size, kB", 1e-3, "{:,.0f}"),
        ("batch_1_ms", "Batch 1, ms per call", 1.0, "{:.3g}"),
        ("batch_32_ms", "Batch 32, ms per call", 1.0, "{:.3g}"),
        (decisive.name, f"Validation {words(decisive.name)}", 1.0, "{:.4f}" if decisive.unit == SHARE else "{:.4g}"),
    )
    figure, grid = style.house_figure(style.WIDE, 1.5 + 0.4 * len(names), columns=len(panels), sharey=True)
    for axes, (key, title, scale, form) in zip(grid, panels, strict=True):
        values = {name: table[name][key] * scale for name in names if table[name].get(key) is not None}
        for line, name in enumerate(names):
            if name in values:
                tone = style.BLUE if table[name]["ships"] else ABSENT
                axes.barh(line, values[name], height=0.56, color=tone)
            said = form.format(values[name]) if name in values else "not measured here"
            if key.startswith("batch") and table[name].get("device") == "GPU":
                said += " on a GPU"
            tone = style.INK if name in values else style.FAINT
            axes.annotate(
                said, (values.get(name, 0), line), (4, 0),
                textcoords="offset points", va="center", size=9, color=tone,
            )  # fmt: skip
        axes.set_xlim(0, max(values.values(), default=1) * 1.55)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.xaxis.set_major_locator(style.few_ticks(3))
        axes.xaxis.set_major_formatter(style.plain())
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_title(title, loc="left", size=10, color=style.INK)
    grid[0].set_yticks(range(len(names)), names)
    shipped = ", ".join(name for name in names if table[name]["ships"])
    figure.suptitle(
        f"Variants of the graph; in the bundle (blue): {shipped}",
        x=0.012, ha="left", size=12, weight="bold", color=style.INK,
    )  # fmt: skip
    style.save(figure, path)
