"""What multi-label classification starts with beside what every recipe does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "split": {},
    "augment": {},
    "pretrain": {},
    # Smoothing moves every answer towards one half, and of many labels a row has few.
    "finetune": {"label_smoothing": 0.0, "loss": {"name": "cross_entropy"}},
    "evaluate": {},
    "export": {},
    "retrain": {},
}
