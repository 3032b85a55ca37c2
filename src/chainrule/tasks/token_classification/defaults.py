"""What token classification starts with beside what every recipe on texts does: a literal, which dvc.yaml lists."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "split": {},
    "augment": {},
    # Places are those of tokens in windows; a sentence is nearly always one.
    "pretrain": {"tokenizer": {"windows": {"overlap": 16, "most": 64}}},
    # A word that is told as O with some doubt is no span, so smoothing would cost recall.
    "finetune": {"label_smoothing": 0.0, "loss": {"name": "tags"}},
    "evaluate": {},
    "export": {},
    "retrain": {},
}
