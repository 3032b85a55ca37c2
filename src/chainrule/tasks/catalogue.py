"""The tasks by name; each is the folder of that name, and what is known of it is in its `fields`."""

TASKS = (
    "audio_classification",
    "image_classification",
    "image_regression",
    "multi_label",
    "question_answering",
    "segmentation",
    "table_classification",
    "table_regression",
    "text_classification",
    "text_generation",
    "text_pair_classification",
    "translation",
    "token_classification",
)
