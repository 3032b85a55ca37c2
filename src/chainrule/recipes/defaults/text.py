"""What a recipe on texts starts with: sentences of any language as they are."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {
        "normalise": {
            "lowercase": False,
            "strip_html": False,
            "min_characters": 1,
            "max_characters": 2000,
            "long": "cut",
        },
        "near_duplicates": 0.8,
    },
    "augment": {
        "copies": 0,
        "options": {"delete": 0.1, "swap": 0.05},
    },
    "pretrain": {
        "tokenizer": {
            "kind": "byte_pairs",
            "vocabulary": 8000,
            "max_length": 128,
        },  # the net's max_length, if it has one
        "training": {
            "epochs": 3,
            "batch_size": 64,
            "optimizer": "adamw",
            "learning_rate": 0.002,
            "weight_decay": 0.01,
            "schedule": "linear",
            "warm_up": 0.1,
            "gradient_clip": 1.0,
            "distort": {"drop": 0.0},
        },
    },
    "finetune": {
        "epochs": 6,
        "batch_size": 32,
        "optimizer": "adamw",
        "learning_rate": 0.0005,
        "weight_decay": 0.01,
        "schedule": "linear",
        "warm_up": 0.1,
        "gradient_clip": 1.0,
        "patience": 3,
        "distort": {"drop": 0.0},
    },
}
"""From random weights."""

WITH_BASE: dict[str, dict[str, Any]] = {
    "augment": {},
    "finetune": {
        "epochs": 3,
        "learning_rate": 0.0001,
        "patience": None,
        "ema": 0.999,
        "label_smoothing": 0.1,
    },
}
"""What of these is another where a base gives the weights: few passes, at a low rate (BERT, section A.3).

Rate, epochs, average and smoothing as validation rows of two sets of sentences chose them: docs/bases.md.
"""
