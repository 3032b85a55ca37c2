"""The tasks by name; each is the folder of that name, and what is known of it is in its `fields`."""

TASKS = (
    "audio_classification",
    "detection",
    "image_classification",
    "image_regression",
    "image_text_classification",
    "item_ranking",
    "multi_label",
    "question_answering",
    "recommendation",
    "segmentation",
    "table_classification",
    "table_regression",
    "text_classification",
    "text_generation",
    "text_pair_classification",
    "translation",
    "token_classification",
    "word_vectors",
)
