"""What table classification starts with beside what every recipe on tables does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "split": {},
    "augment": {},
    "pretrain": {},
    "finetune": {"loss": {"name": "cross_entropy"}},
    "evaluate": {},
    "export": {},
    "retrain": {},
}
