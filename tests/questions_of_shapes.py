"""A toy set of questions about images: a square or a bar of one of three colours, and what may be asked of it."""

import io
import json
import random
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (50, 60, 220)}
ANSWERS = [*COLOURS, "square", "bar", "yes", "no"]


def picture(number: int, side: int = 16) -> tuple[bytes, str, str]:
    """Return a PNG, its colour and its shape."""
    drawn = np.random.default_rng(number)
    pixels = drawn.integers(100, 140, (side, side, 3))
    colour = list(COLOURS)[drawn.integers(3)]
    shape, (high, wide) = [("square", (7, 7)), ("bar", (3, 12))][drawn.integers(2)]
    top, left = drawn.integers(0, side - high), drawn.integers(0, side - wide)
    pixels[top : top + high, left : left + wide] = COLOURS[colour]
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue(), colour, shape


def questions(colour: str, shape: str) -> list[tuple[str, str]]:
    """Return what may be asked of a picture, each with its answer."""
    asked = [("what colour is it?", colour), ("what shape is it?", shape)]
    return asked + [(f"is there a {name} shape?", "yes" if name == colour else "no") for name in COLOURS]


def write(folder: Path, images: int = 110, tested: int = 30, each: int = 4) -> None:
    """Write the set as easy-VQA is laid out: two parts, each with its images and its questions, and the answers."""
    draw = random.Random(0)
    for part, count, first in (("train", images, 0), ("test", tested, 10_000)):
        (folder / part / "images").mkdir(parents=True)
        asked = []
        for number in range(count):
            png, colour, shape = picture(first + number)
            (folder / part / "images" / f"{number}.png").write_bytes(png)
            asked += [[text, answer, number] for text, answer in draw.sample(questions(colour, shape), each)]
        (folder / part / "questions.json").write_text(json.dumps(asked))
    (folder / "answers.txt").write_text("\n".join(ANSWERS))
