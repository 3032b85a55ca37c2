"""A recipe as it stands in params.yaml: the block of what was found and chosen, and the lines that say it."""

from pathlib import Path
from typing import Any

from chainrule.inspection.choices import Plan
from chainrule.inspection.examples import Examples

SEED = 7
VALIDATION = 0.05
"""Of many rows a smaller share tells the epochs apart."""
MANY = 50_000


def block(found: Examples, plan: Plan, root: Path) -> dict[str, Any]:
    """Return a recipe's block; the source's path is from the project's folder where it is below."""
    path = Path(found.source["path"])
    place = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    split = dict(found.split)
    if "validation" not in found.parts and found.rows >= MANY:
        split["validation"] = VALIDATION
    blocks = plan.blocks
    normalise = {**found.normalise, **blocks["clean"].get("normalise", {})}
    return {
        "task": found.task,
        "modality": found.modality,
        "target": found.target,
        "seed": SEED,
        "source": {**found.source, "path": place},
        "incoming": dict(found.incoming),
        "clean": {**blocks["clean"], **({"normalise": normalise} if normalise else {})},
        "split": split,
        "augment": blocks["augment"],
        "base": blocks["base"],
        "net": blocks["net"],
        "pretrain": blocks["pretrain"],
        "finetune": blocks["finetune"],
        "evaluate": {},
        "export": {},
    }


def title(found: Examples, path: Path) -> str:
    """Return the comment over a recipe."""
    return f"{found.rows:,} rows of {path.name}, found by `chainrule new`"
