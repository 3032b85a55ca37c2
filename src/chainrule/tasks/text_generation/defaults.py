"""What text generation starts with beside what every recipe on texts does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    # Blanks and line ends are a part of what is to be told; a copy of a text is no contradiction.
    "clean": {"normalise": {"blanks": "as_found", "max_characters": 100_000}},
    "split": {},
    "augment": {},
    # Of tokens that are bytes or characters the text can be put together again as it was.
    "pretrain": {"tokenizer": {"kind": "bytes", "vocabulary": 4000, "max_length": 256}},
    "finetune": {
        "epochs": 10,
        "batch_size": 16,
        "learning_rate": 0.001,
        "weight_decay": 0.1,
        "schedule": "cosine",
        "warm_up": 0.05,
        "loss": {"name": "next_token"},
    },
    "evaluate": {},
    # In bits per byte.
    "export": {"variants": {"loses": 0.02}},
    "retrain": {"margin": 0.01},
}
