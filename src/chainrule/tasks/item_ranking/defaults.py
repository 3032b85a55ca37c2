"""What item ranking starts with beside what every recipe does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "split": {"test": 0.2, "validation": 0.1},
    "augment": {},
    "pretrain": {},
    "finetune": {"loss": {"name": "softmax"}},
    "evaluate": {},
    # Tables of vectors are looked up and hardly multiplied: another form of them gains little.
    "export": {"variants": {"int8": "never", "fp16": "never", "loses": 0.005}},
    "retrain": {"margin": 0.005},
}
