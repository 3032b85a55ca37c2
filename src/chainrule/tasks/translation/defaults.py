"""What translation starts with beside what every recipe on texts does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "split": {},
    "augment": {},
    "pretrain": {"tokenizer": {"kind": "bytes"}},
    "finetune": {
        "epochs": 20,
        "batch_size": 512,
        "batch_tokens": 2500,
        "learning_rate": 0.0015,
        "schedule": "cosine",
        "patience": 5,
        "label_smoothing": 0.1,
        "loss": {"name": "token_cross_entropy"},
    },
    "evaluate": {},
    # Both are in points of BLEU.
    "export": {"variants": {"loses": 0.5}},
    "retrain": {"margin": 0.5},
}
