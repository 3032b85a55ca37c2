"""A folder in which the stage `fetch` brings a base, in this process, as its command line would."""

from pathlib import Path
from typing import Any

from chainrule.stages.fetch import fetch
from chainrule.stages.job import Job, carry_out


def fetched(root: Path, modality: str, base: dict[str, Any], recipe: str = "mine") -> Path:
    """Return the base that `fetch` wrote below root; base: the recipe's block."""
    carry_out(
        Job("fetch", recipe, root, {"modality": modality, "base": base, "finetune": {"strategy": {"name": "full"}}}),
        fetch,
    )
    return root / "models" / "base" / recipe
