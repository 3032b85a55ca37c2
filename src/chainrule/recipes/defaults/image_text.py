"""What a recipe on images with texts starts with: small pictures and short questions about them."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {
        "normalise": {
            "image": {"mode": "RGB", "size": None, "max_pixels": 100_000_000},
            "text": {
                "lowercase": False,
                "strip_html": False,
                "min_characters": 1,
                "max_characters": 2000,
                "long": "cut",
            },
        },
        "near_duplicates": 0.0,  # of images with one text: what is drawn by a program is often nearly the same
    },
    "augment": {
        "copies": 0,
        "options": {
            "image": {"degrees": 12, "shift": 0.08, "scale": 0.1},
            "text": {"delete": 0.1, "swap": 0.05},
        },
    },
    "pretrain": {
        "tokenizer": {
            "kind": "byte_pairs",
            "vocabulary": 8000,
            "max_length": 128,
        },  # the text net's max_length, if it has one
        "training": {
            "epochs": 10,
            "batch_size": 128,
            "optimizer": "adamw",
            "learning_rate": 0.003,
            "weight_decay": 0.05,
            "schedule": "one_cycle",
            "warm_up": 0.2,
            "distort": {
                "hide": 0.1,
                "image": {
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
                "text": {"drop": 0.0},
            },
        },
    },
    "finetune": {
        "epochs": 20,
        "batch_size": 128,  # rows of one image are in one batch
        "optimizer": "adamw",
        "learning_rate": 0.002,
        "weight_decay": 0.05,
        "schedule": "one_cycle",
        "warm_up": 0.25,
        "gradient_clip": 1.0,
        "distort": {
            "hide": 0.1,
            "image": {
                "shift": 2,
                "flip": False,  # a text may speak of left and right
                "crop": 1.0,
                "degrees": 0.0,
                "randaugment": 0,
                "magnitude": 9,
                "colour": 0.0,  # and of colours
                "grey": 0.0,
                "blur": 0.0,
                "erase": 0,
                "mixup": 0.0,
                "cutmix": 0.0,
            },
            "text": {"drop": 0.0},
        },
    },
}
"""From random weights."""

WITH_BASE: dict[str, dict[str, Any]] = {
    "augment": {},
    "finetune": {
        "epochs": 10,
        "batch_size": 32,
        "learning_rate": 0.0005,
    },
}
"""What of these is another where a base gives the weights of one of the two nets."""
