"""What word vectors start with beside what every recipe on texts does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    # A word at the start of a sentence is the same word.
    "clean": {"normalise": {"lowercase": True, "max_characters": 20_000}},
    "split": {},
    "augment": {},
    "pretrain": {"tokenizer": {"kind": "words", "vocabulary": 20_000, "max_length": 256}},
    # Many small steps: every update moves the few words of its texts.
    "finetune": {
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": 0.02,
        "weight_decay": 0.0,
        "gradient_clip": None,
        "patience": None,
        "loss": {"name": "skip_gram"},
    },
    "evaluate": {},
    "export": {},
    "retrain": {"margin": 0.01},
}
