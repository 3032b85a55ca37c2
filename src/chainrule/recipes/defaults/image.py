"""What a recipe on images starts with: small photographs."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {
        "normalise": {"mode": "RGB", "size": None, "max_pixels": 100_000_000},
        "near_duplicates": 0.02,
    },
    "augment": {
        "copies": 2,
        "options": {"degrees": 12, "shift": 0.08, "scale": 0.1},
    },
    "pretrain": {
        "tokenizer": None,
        "training": {
            "epochs": 10,
            "batch_size": 128,
            "optimizer": "adamw",
            "learning_rate": 0.003,
            "weight_decay": 0.05,
            "schedule": "one_cycle",
            "warm_up": 0.2,
            "distort": {
                "shift": 2,
                "flip": False,  # mirrored letters and digits are others, or none
                "crop": 1.0,
                "degrees": 0.0,
                "randaugment": 0,
                "magnitude": 9,
                "colour": 0.0,
                "grey": 0.0,
                "blur": 0.0,
                "erase": 0,
                "mixup": 0.0,
                "cutmix": 0.0,
            },
        },
    },
    "finetune": {
        "epochs": 20,
        "batch_size": 64,
        "optimizer": "adamw",
        "learning_rate": 0.003,
        "weight_decay": 0.05,
        "schedule": "one_cycle",
        "warm_up": 0.25,
        "distort": {
            "shift": 2,
            "flip": False,
            "crop": 1.0,
            "degrees": 0.0,
            "randaugment": 0,
            "magnitude": 9,
            "colour": 0.0,
            "grey": 0.0,
            "blur": 0.0,
            "erase": 0,
            "mixup": 0.0,
            "cutmix": 0.0,
        },
    },
}
"""From random weights."""

WITH_BASE: dict[str, dict[str, Any]] = {
    "augment": {
        "copies": 0,
    },
    "finetune": {
        "epochs": 10,
        "batch_size": 32,
        "learning_rate": 0.001,
    },
}
"""What of these is another where a base gives the weights."""
