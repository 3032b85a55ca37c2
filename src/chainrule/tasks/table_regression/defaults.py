"""What table regression starts with beside what every recipe does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "split": {},
    "augment": {},
    "pretrain": {},
    "finetune": {"loss": {"name": "mse"}},
    "evaluate": {},
    # Both are in the unit of the data: nothing may be lost unless the recipe says how much.
    "export": {"variants": {"loses": 0.0}},
    "retrain": {"margin": 0.0},
}
