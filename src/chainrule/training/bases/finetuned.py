"""What another recipe's fine-tuning ended with."""

from pathlib import Path
from typing import Any

from chainrule.training.bases.shared import trained


def bring(out: Path, root: Path, place: str, modality: str) -> dict[str, Any]:
    """Copy the model of `models/<place>`; DataError for one of another modality."""
    return trained.copied(out, root / "models" / place, modality, f"recipe {place}")
