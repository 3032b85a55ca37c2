"""What detection starts with beside what every recipe does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {"normalise": {"size": 256, "fit": "stretch"}},  # nothing of an image is cut away
    "split": {},
    "augment": {"copies": 0},  # every batch is altered anew, which costs nothing beside the net
    "pretrain": {},
    "finetune": {"batch_size": 8, "ema": 0.99, "loss": {"name": "centres"}},
    "evaluate": {},
    "export": {"variants": {"loses": 0.005}},
    "retrain": {"margin": 0.01},
}
