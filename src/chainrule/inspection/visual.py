"""Questions about images as examples, JSON beside images, and the plan of a first recipe for images with texts."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from chainrule.data.columns import columns
from chainrule.data.formats import trees
from chainrule.data.formats.folders import IMAGES, TOP
from chainrule.data.formats.trees import File
from chainrule.data.reading import reader
from chainrule.inspection import pictures
from chainrule.inspection.examples import Examples, Images, Options, Place
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TASK = "image_text_classification"
LOOKED_AT, TEXTS = 60, 2000
"""Images and texts that are looked at."""
SIDE, SMALL = 128, 64
"""Pixels of a side that images of other sizes get, and up to which they stay as they are."""
WORK = 400_000
"""Rows that are seen in all epochs of a training from nothing, about."""


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of questions about images in a folder or an archive; None where there are none."""
    if options.task not in (None, TASK):
        return None
    try:
        tree = trees.plant(place.path, "source", "the folder of images and questions")
    except DataError:
        return None
    files, _ = tree.below(TOP)
    shown = [file for file in files if IMAGES.fits(file.name.name) and file.problem is None]
    if not shown or not any(file.name.suffix.lower() == ".json" for file in files):
        return None
    try:
        rows = reader("image_questions", columns(TASK, "image_text"))(place.path)
    except DataError:  # JSON of something else
        return None
    good = rows[rows["problem"].isna()]
    if len(good) * 2 < len(rows) or good.empty:
        return None
    return _examples(place, rows, good, pictures.alike(_some(tree, shown)))


def _some(tree: trees.Tree, shown: list[File]) -> list[bytes]:
    chosen = shown[:: max(1, len(shown) // LOOKED_AT)]
    return [content for _, content in tree.contents(chosen) if isinstance(content, bytes)]


def _examples(place: Place, rows: "pd.DataFrame", good: "pd.DataFrame", images: Images | None) -> Examples:
    parts = {str(part): int(count) for part, count in good["part"].value_counts(sort=False).items()}
    parts = {} if set(parts) == {"train"} else parts
    counts = {part: Counter(good["label"][good["part"] == part].dropna().tolist()) for part in parts} or {
        "": Counter(good["label"].dropna().tolist())
    }
    several, asked = good["group"].nunique(), good["text"].nunique()
    found = [
        f"{len(good):,} questions, {asked:,} different ones, about {several:,} images, whose rows a split keeps whole"
    ]
    doubts = []
    if lost := len(rows) - len(good):
        doubts.append(f"{lost:,} questions cannot be used; they will be rejected and counted")
    texts = good["text"].iloc[:: max(1, len(good) // TEXTS)]
    return Examples(
        task=TASK,
        modality="image_text",
        target="label",
        source={"kind": "image_questions", "path": str(place.path)},
        incoming={"kind": "json_lines"},
        rows=len(good),
        parts=parts,
        labels=counts,
        texts=tuple((raw.decode("utf-8", "replace"),) for raw in texts),
        images=images,
        found=tuple(found),
        doubts=tuple(doubts),
    )


def blocks(found: Examples, why: list[str]) -> dict[str, Any]:
    """Return the blocks of a recipe from nothing; `why` gets its lines."""
    normalise: dict[str, Any] = {"mode": "L"} if found.images is not None and found.images.grey else {}
    if found.images is not None and (not found.images.alike or found.images.shorter > SMALL):
        normalise["size"] = SIDE
        why.append(f"size: images become squares of {SIDE} pixels")
    trained = found.parts.get("train", found.rows)
    epochs = max(4, min(40, WORK // max(trained, 1)))
    why.append(
        f"net: a small convolutional net and a bag of words, put together late; {epochs} epochs for {trained:,} rows. "
        "The report says what the image and the text tell alone"
    )
    return {
        "clean": {"normalise": {"image": normalise}} if normalise else {},
        "augment": {},
        "base": {"from": "nothing"},
        "net": {
            "name": "image_text",
            "image": {"name": "dsdnet", "width": 16, "depth": 1, "dropout": 0.0},
            "text": {"name": "bag", "width": 64, "buckets": 4096, "dropout": 0.0},
        },
        "pretrain": {"objective": {"name": "none"}, "tokenizer": {"vocabulary": 2000, "max_length": 64}},
        "finetune": {"strategy": {"name": "full"}, "epochs": epochs, "batch_size": 256, "learning_rate": 0.004},
    }
