import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from chainrule.data.columns import columns
from chainrule.evaluation import parts
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.exploration import suspicious
from chainrule.exploration.doubts.label import confident
from chainrule.exploration.looked import Looked

GOOD = ("fine", "lovely", "brilliant", "warm", "clever", "moving")
BAD = ("dull", "awful", "bland", "cold", "clumsy", "boring")
OTHER = ("film", "plot", "cast", "scene", "ending", "music", "dialogue", "story", "camera", "script")


def looked(task: str, modality: str, target: str, rows: pd.DataFrame) -> Looked:
    """Rows as the page gets them, the last tenth of them for validation."""
    cut = len(rows) - len(rows) // 10
    splits = {"train": rows[:cut].reset_index(drop=True), "validation": rows[cut:].reset_index(drop=True)}
    block = {"task": task, "modality": modality, "target": target}
    known = {"recipe": "a", "block": block, "columns": columns(task, modality), "splits": splits, "seed": 7}
    return Looked(**{**dict.fromkeys(Looked._fields), **known})  # of the rest nothing is asked


def framed(groups: Any = None, **own: Any) -> pd.DataFrame:
    count = len(next(iter(own.values())))
    names = [f"r{place}" for place in range(count)]
    return pd.DataFrame({"id": names, "group": names if groups is None else groups, **own})


def listed(part: Part) -> list[str]:
    return [entry["id"] for entry in part.numbers["listed"]]


def texts(count: int, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    label = rng.integers(0, 2, count)
    words = [[*rng.choice((GOOD, BAD)[kind], 2), *rng.choice(OTHER, 4)] for kind in 1 - label]
    return [" ".join(rng.permutation(row)) for row in words], label


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def digits() -> tuple[Part, set[str]]:
    """The part of 1,797 digits of which 200 were given another label, and which those are."""
    found = load_digits()
    rng = np.random.default_rng(0)
    wrong = rng.choice(1797, 200, replace=False)
    label = found.target.copy()
    label[wrong] = (label[wrong] + rng.integers(1, 10, 200)) % 10
    images = [png((image * 15.9).astype(np.uint8)) for image in found.images]
    groups = [f"writer {place // 45}" for place in range(1797)]
    rows = framed(groups, image=images, label=[str(number) for number in label])
    return suspicious.part(looked("image_classification", "image", "label", rows)), {f"r{place}" for place in wrong}


def test_of_200_wrong_labels_150_are_among_the_first_300_shown(digits: tuple[Part, set[str]]) -> None:
    part, wrong = digits
    assert len(listed(part)) <= suspicious.LISTED == 300
    assert len(wrong & set(listed(part))) >= 190  # 200 of 257 when this was written
    assert len(wrong & set(listed(part)[:100])) >= 95
    assert part.numbers["rows"] == part.numbers["of"] == 1797
    assert 120 <= part.numbers["wrong"] <= 220
    assert part.numbers["look_at"] == [f"about {part.numbers['wrong']} of 1,797 labels look wrong"]


def test_each_row_is_shown_with_its_label_and_what_it_looks_like(digits: tuple[Part, set[str]]) -> None:
    part, _ = digits
    assert part.body.count("<li") == len(listed(part)) == part.body.count("<img ") == part.body.count(" alt=")
    first = part.numbers["listed"][0]
    assert f"given <b><bdi>{first['given']}</bdi></b>, " in part.body
    assert f"looks like <b><bdi>{first['suspected']}</bdi></b>" in part.body
    assert first["given"] != first["suspected"]
    shares = [entry["score"] for entry in part.numbers["listed"]]
    assert shares == sorted(shares)
    assert "<script" not in parts.to_html("a", "Data", {}, {"suspicious": part})


def test_wrong_labels_of_texts_come_first() -> None:
    rng = np.random.default_rng(1)
    values, label = texts(600, rng)
    wrong = rng.choice(600, 30, replace=False)
    label[wrong] = 1 - label[wrong]
    rows = framed(text=values, label=[("bad", "good")[number] for number in label])
    part = suspicious.part(looked("text_classification", "text", "label", rows))
    assert len({f"r{place}" for place in wrong} & set(listed(part)[:30])) >= 28
    assert "bdi" in part.body


def test_labels_that_are_all_right_are_not_doubted() -> None:
    values, label = texts(400, np.random.default_rng(2))
    rows = framed(text=values, label=[("bad", "good")[number] for number in label])
    part = suspicious.part(looked("text_classification", "text", "label", rows))
    assert part.numbers["suspected"] == len(listed(part)) <= 4
    assert "<li" not in part.body or part.numbers["suspected"]


def test_numbers_far_from_what_the_rows_say_come_first() -> None:
    rng = np.random.default_rng(3)
    area, rooms = rng.uniform(30, 200, 400), rng.integers(1, 8, 400)
    price = 3 * area + 20 * rooms + rng.normal(0, 10, 400)
    wrong = rng.choice(400, 20, replace=False)
    price[wrong] *= np.where(np.arange(20) % 2, 10, 0.1)
    cells = [json.dumps({"area": float(a), "rooms": int(r)}) for a, r in zip(area, rooms, strict=True)]
    part = suspicious.part(looked("table_regression", "table", "number", framed(row=cells, target=price)))
    assert len({f"r{place}" for place in wrong} & set(listed(part))) >= 18
    assert len(listed(part)) <= 30
    far = [abs(entry["score"]) for entry in part.numbers["listed"]]
    assert far == sorted(far, reverse=True) and min(far) > 6
    assert "area" in part.body


def test_a_label_too_many_or_missing_is_named() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.integers(0, 2, (2, 500))
    values = [
        " ".join(rng.permutation([*rng.choice((OTHER[:5], GOOD)[a], 2), *rng.choice((OTHER[5:], BAD)[b], 2)]))
        for a, b in zip(first, second, strict=True)
    ]
    sets = [{name for name, own in (("praise", a), ("blame", b)) if own} for a, b in zip(first, second, strict=True)]
    wrong = rng.choice(500, 20, replace=False)
    for place in wrong:
        sets[place] ^= {"praise"}
    rows = framed(text=values, labels=[json.dumps(sorted(names)) for names in sets])
    part = suspicious.part(looked("multi_label", "text", "labels", rows))
    assert len({f"r{place}" for place in wrong} & set(listed(part)[:20])) >= 19
    assert all(entry["suspected"] in ("with praise", "without praise") for entry in part.numbers["listed"][:15])


def test_rows_of_one_group_cannot_be_judged() -> None:
    values, label = texts(100, np.random.default_rng(5))
    rows = framed(["all"] * 100, text=values, label=[("bad", "good")[number] for number in label])
    with pytest.raises(NotShownError, match="of one group"):
        suspicious.part(looked("text_classification", "text", "label", rows))


def test_too_few_rows_are_said() -> None:
    values, label = texts(12, np.random.default_rng(6))
    rows = framed(text=values, label=[("bad", "good")[number] for number in label])
    with pytest.raises(NotShownError, match="12 rows; under 20"):
        suspicious.part(looked("text_classification", "text", "label", rows))


def test_images_of_several_sizes_are_said() -> None:
    images = [png(np.full((8 + place % 2, 8), place, np.uint8)) for place in range(40)]
    rows = framed(image=images, label=["a", "b"] * 20)
    with pytest.raises(NotShownError, match="set `size`"):
        suspicious.part(looked("image_classification", "image", "label", rows))


def test_more_rows_than_can_be_fitted_are_drawn_and_said() -> None:
    values, label = texts(1100, np.random.default_rng(7))
    long = [f"{value} {' '.join(OTHER * 50)}" for value in values]
    rows = framed(text=long, label=[("bad", "good")[number] for number in label])
    part = suspicious.part(looked("text_classification", "text", "label", rows))
    assert part.numbers["rows"] == 1000 and part.numbers["of"] == 1100
    assert "1,000 of 1,100 training and validation rows, drawn by the seed" in part.body


def test_a_class_is_likely_where_it_reaches_its_usual_probability() -> None:
    chances = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]])
    # Class 0 has 0.8 on average among the rows that were given it (the first two), class 1 0.77 (the others).
    assert confident(chances, np.array([0, 0, 1, 1, 1])).tolist() == [0, 0, 1, 1, 1]
    # Were the last one given class 0, that would usually have 0.57, and class 1 0.7: the last is likely to be of 1.
    assert confident(chances, np.array([0, 0, 1, 1, 0])).tolist() == [0, 0, 1, 1, 1]
