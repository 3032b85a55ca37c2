"""What classification of images with texts starts with beside what every recipe on them does: a literal of dvc.yaml."""

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
