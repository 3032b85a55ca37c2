"""The tasks by name."""

from typing import NamedTuple


class Task(NamedTuple):
    """What the check of params.yaml knows of a task: the modalities that its inputs may have."""

    modalities: tuple[str, ...]


TASKS: dict[str, Task] = {
    "image_classification": Task(("image",)),
    "text_classification": Task(("text",)),
}
