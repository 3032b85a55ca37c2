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
            "absent": ["", "?", "-", "na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "nil", "\\N"],
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
    "pretrain": {},
    "finetune": {},
}
"""From random weights."""

WITH_BASE: dict[str, dict[str, Any]] = {
    "augment": {},
    "finetune": {},
}
"""What of these is another where a base gives the weights."""
