"""A recipe as it stands in params.yaml: the block of what was found and chosen, and the lines that say it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.inspection.choices import Plan
from chainrule.inspection.examples import Examples
from chainrule.system.words import count

SEED = 7
FEW_GROUPS = 40
"""Of so few groups a split may by chance have none in some part."""
HELD_OUT, SHARES = (0.05, 0.35), (0.2, 0.15)
"""Shares of the rows that may be tested, or be for validation; and of the groups that are."""
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
        "seed": _seed(found.groups),
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


def _seed(groups: Mapping[str, int]) -> int:
    """Return the first seed by which a split of few groups has as many rows in each part as it should, if there is."""
    if not 3 <= len(groups) <= FEW_GROUPS:
        return SEED
    from chainrule.data.splitting import position

    total = sum(groups.values())
    test, validation = SHARES
    for seed in range(SEED, SEED + 1000):
        places = {group: position(group, seed) for group in groups}
        held = [
            sum(rows for group, rows in groups.items() if low <= places[group] < high) / total
            for low, high in ((0.0, test), (test, test + validation))
        ]
        if all(HELD_OUT[0] <= share <= HELD_OUT[1] for share in held):
            return seed
    return SEED


def title(found: Examples, path: Path) -> str:
    """Return the comment over a recipe."""
    return f"{count(found.rows, 'row')} of {path.name}, found by `chainrule new`"
