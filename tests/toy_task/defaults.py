"""What star rating starts with beside what every recipe on texts does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "split": {},
    "augment": {},
    "pretrain": {},
    "finetune": {"batch_size": 16, "loss": {"name": "mae"}},
    "evaluate": {},
    "export": {},
    "retrain": {},
}
