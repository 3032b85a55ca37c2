"""What a recipe on users and items starts with."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {
        "normalise": {
            "user": "user",
            "item": "item",
            "number": [],
            "category": [],
            "of_item": [],
            "absent": ["", "na", "n/a", "<na>", "nan", "null", "none", "\\N"],
            "decimal": ".",
            "thousands": "",
            "longest": 200,
            "ratings": None,
        },
        "near_duplicates": 1.0,
    },
    "augment": {"copies": 0, "options": {"dropout": 0.1}},
    "pretrain": {
        "tokenizer": {"fewest": 5},
        "training": {
            "epochs": 20,
            "batch_size": 1024,
            "optimizer": "adamw",
            "learning_rate": 0.005,
            "weight_decay": 0.1,
            "schedule": "cosine",
            "warm_up": 0.05,
            "gradient_clip": 1.0,
            "distort": {"unknown": 0.02},
        },
    },
    "finetune": {
        "epochs": 40,
        "batch_size": 512,
        "optimizer": "adamw",
        "learning_rate": 0.01,
        "weight_decay": 0.3,  # what is known of a user are a few rows: without it they are known by heart
        "schedule": "cosine",
        "warm_up": 0.05,
        "gradient_clip": 1.0,
        "ema": 0.98,
        "patience": 8,
        "distort": {"unknown": 0.02},
    },
}
"""From random weights."""

WITH_BASE: dict[str, dict[str, Any]] = {
    "augment": {},
    "finetune": {},
}
"""What of these is another where a base gives the weights."""
