"""What recommendation starts with beside what every recipe does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "split": {"test": 0.2, "validation": 0.1},
    "augment": {},
    "pretrain": {},
    "finetune": {"loss": {"name": "mse"}, "learning_rate": 0.02, "weight_decay": 1.0},
    "evaluate": {},
    # Both are in the unit of the scale: nothing may be lost unless the recipe says how much.
    # Tables of vectors are looked up and hardly multiplied: another form of them gains little.
    "export": {"variants": {"int8": "never", "fp16": "never", "loses": 0.0}},
    "retrain": {"margin": 0.0},
}
