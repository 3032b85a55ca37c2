"""Random numbers: pretraining or fine-tuning starts from weights that the recipe's seed draws."""

from pathlib import Path
from typing import Any


def bring(out: Path, root: Path, place: str, modality: str) -> dict[str, Any]:
    """Bring nothing; the card says so."""
    return {"source": "random numbers"}
