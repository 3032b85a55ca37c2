"""What segmentation starts with beside what every recipe does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "split": {},
    "augment": {"copies": 0},  # every batch is altered anew, which costs nothing beside the net
    "pretrain": {},
    "finetune": {"batch_size": 8, "loss": {"name": "dice"}},
    "evaluate": {},
    "export": {"variants": {"loses": 0.005}},
    "retrain": {"margin": 0.01},
}
