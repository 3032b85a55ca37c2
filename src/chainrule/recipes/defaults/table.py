"""What a recipe on tables starts with."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {
        "normalise": {
            "number": [],
            "category": [],
            "date": [],
            "boolean": [],
            "text": [],
            "missing": {},
            "absent": [
                "",
                "?",
                "-",
                "na",
                "n/a",
                "<na>",
                "nan",
                "nat",
                "null",
                "none",
                "nil",
                "\\N",
                "#n/a",
                "#div/0!",
                "#ref!",
                "#value!",
                "#name?",
                "#num!",
                "#null!",
            ],
            "unreadable": "missing",
            "ranges": {},
            "outside": "missing",
            "decimal": ".",
            "thousands": "",
            "dates": {"formats": [], "day_first": None},
        },
        "near_duplicates": 1.0,
    },
    "augment": {
        "copies": 0,
        "options": {"noise": 0.05, "dropout": 0.1},
    },
    "pretrain": {
        "tokenizer": {
            "missing": {"number": "median", "category": "own"},
            "bins": 48,
            "fewest": 5,
            "words": 16,
            "buckets": 1000,
        },
        "training": {
            "epochs": 20,
            "batch_size": 256,
            "optimizer": "adamw",
            "learning_rate": 0.002,
            "weight_decay": 0.1,
            "schedule": "cosine",
            "warm_up": 0.05,
            "gradient_clip": 1.0,
            "distort": {"noise": 0.0, "dropout": 0.0},
        },
    },
    "finetune": {
        "epochs": 40,
        "batch_size": 256,
        "optimizer": "adamw",
        "learning_rate": 0.002,
        "weight_decay": 0.1,
        "schedule": "cosine",
        "warm_up": 0.05,
        "gradient_clip": 1.0,
        "ema": 0.99,  # a table is known by heart in few passes: the average is what a slow end would give
        "patience": 8,
        "distort": {"noise": 0.0, "dropout": 0.0},
    },
}
"""From random weights."""

WITH_BASE: dict[str, dict[str, Any]] = {
    "augment": {},
    "finetune": {},
}
"""What of these is another where a base gives the weights."""
