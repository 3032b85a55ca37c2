"""What question answering starts with beside what every recipe on texts does: a literal of dvc.yaml."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {"normalise": {"max_characters": 20_000}},
    "split": {},
    "augment": {},
    # Windows of the passage, each beside the question; an answer is hardly longer than what two of them share.
    "pretrain": {"tokenizer": {"max_length": 256, "windows": {"overlap": 32, "most": 64}}},
    "finetune": {"label_smoothing": 0.0, "loss": {"name": "span_likelihood"}},
    "evaluate": {"by": ["question_word", "answer_length"]},
    "export": {},
    "retrain": {},
}
