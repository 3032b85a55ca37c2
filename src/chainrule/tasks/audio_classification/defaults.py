"""What audio classification starts with beside what every recipe on sounds does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "split": {},
    "augment": {},
    "pretrain": {},
    "finetune": {"label_smoothing": 0.1, "loss": {"name": "cross_entropy"}},
    "evaluate": {},
    "export": {},
    "retrain": {},
}
