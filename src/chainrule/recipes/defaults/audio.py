"""What a recipe on sounds starts with: short ones of any kind, at the rate of recorded speech."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {
        "normalise": {"rate": 16_000, "min_seconds": 0.05, "max_seconds": 30.0},
        "near_duplicates": 0.01,
    },
    "augment": {
        "copies": 2,
        "options": {"shift": 0.05, "gain": 6.0, "speed": 0.1, "noise": 0.05},
    },
    "pretrain": {
        "tokenizer": {
            "seconds": None,
            "bands": 64,
            "window": 0.025,
            "hop": 0.01,
            "low": 20.0,
            "high": None,
            "level": "sound",
            "colour": 0.0,
        },
        "training": {
            "epochs": 10,
            "batch_size": 64,
            "optimizer": "adamw",
            "learning_rate": 0.003,
            "weight_decay": 0.05,
            "schedule": "one_cycle",
            "warm_up": 0.2,
            "distort": {
                "shift": 0.1,
                "gain": 0.0,
                "noise": 0.0,
                "equaliser": 6.0,
                "time_mask": 0.1,
                "frequency_mask": 0.15,
                "masks": 1,
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
            "shift": 0.1,
            "gain": 0.0,
            "noise": 0.0,
            "equaliser": 6.0,
            "time_mask": 0.1,
            "frequency_mask": 0.15,
            "masks": 1,
        },
    },
}
"""From random weights."""

WITH_BASE: dict[str, dict[str, Any]] = {
    "augment": {},
    "finetune": {
        "epochs": 10,
        "learning_rate": 0.001,
    },
}
"""What of these is another where a base gives the weights."""
