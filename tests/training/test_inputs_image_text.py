"""Rows of an image and a text in memory: shared images once, what is missing, what is hidden, each input alone."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import questions_of_shapes as shapes
from chainrule.fields import image, image_text, text
from chainrule.system.errors import DataError, ParamsError
from chainrule.training.inputs import image_text as inputs

IMAGES = [shapes.picture(number)[0] for number in range(3)]
ROWS = [*(IMAGES[number % 3] for number in range(8)), b"", IMAGES[0]]
TEXTS = [*("what colour is it?" for _ in range(9)), ""]
TOKENIZER = {"vocabulary": 120, "max_length": 16}


def held() -> list[Any]:
    return [inputs.held(ROWS, image.decode), inputs.held(TEXTS, text.decode)]


def made(**distort: Any) -> tuple[inputs.Inputs, dict[str, Any]]:
    facts = inputs.fit_facts(held(), TOKENIZER)
    return inputs.of_fields(held(), torch.arange(10), facts, **distort), facts


def test_an_image_that_rows_share_is_held_once_and_counted_once() -> None:
    shared = held()[0]
    assert shared.images.shape[0] == 3
    assert shared.place.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, -1, 0]
    decoded = image_text.decode("image", ROWS)
    assert len(decoded) == 10 and decoded.images.shape[0] == 3
    assert (decoded[np.array([8, 1])].pixels()[0] == 0).all()
    assert (decoded[1:2].pixels() == image.decode([IMAGES[1]])).all()


def test_a_batch_says_what_there_is() -> None:
    rows, _ = made()
    batch = rows.take(torch.tensor([8, 1, 9]), None)
    assert batch["given"].tolist() == [[0, 1], [1, 1], [1, 0]]
    assert not batch["image"][0].any() and batch["image"][1].any()
    assert batch["image"].shape == (3, 3, 16, 16) and batch["target"].tolist() == [8, 1, 9]
    assert batch["attention_mask"][2].sum() == 2, "the two ends of a text without words"


def test_some_rows_lose_one_input_and_never_both() -> None:
    rows, _ = made(hide=0.5)
    index, drawn = torch.zeros(4000, dtype=torch.int64), torch.Generator().manual_seed(0)
    given = rows.take(index, drawn)["given"]
    assert (given.sum(dim=1) >= 1).all()
    assert (given == 0).float().mean(dim=0) == pytest.approx([0.25, 0.25], abs=0.03)
    assert rows.take(index, None)["given"].all(), "nothing is hidden from whoever measures"
    lacking = torch.full((500,), 8)
    assert (rows.take(lacking, drawn)["given"] == torch.tensor([0, 1])).all(), "what there is of one stays"


def test_each_input_alone() -> None:
    rows, _ = made()
    alone = rows.alone()
    index = torch.tensor([8, 1, 9])
    assert alone["image"].take(index, None)["given"].tolist() == [[0, 0], [1, 0], [1, 0]]
    assert alone["text"].take(index, None)["given"].tolist() == [[0, 1], [0, 1], [0, 0]]
    assert rows.take(index, None)["given"].tolist() == [[0, 1], [1, 1], [1, 0]]


def test_facts_come_back_from_disk_and_a_base_wins_for_its_own_input(tmp_path: Path) -> None:
    _, facts = made()
    inputs.save_facts(facts, tmp_path)
    assert inputs.load_facts(tmp_path) == facts
    of_images = inputs.fit_facts(held(), TOKENIZER, {"mean": [0.5] * 3, "std": [0.2] * 3, "size": [224, 224]})
    assert of_images["mean"] == [0.5] * 3 and of_images["tokenizer"] == facts["tokenizer"]
    assert (of_images["height"], "size" in of_images) == (16, False)
    of_both = inputs.fit_facts(held(), TOKENIZER, {**facts, "mean": [0.4] * 3, "height": 99})
    assert (of_both["mean"], of_both["height"], of_both["vocabulary"]) == ([0.4] * 3, 16, facts["vocabulary"])


def test_images_are_not_mixed() -> None:
    with pytest.raises(ParamsError, match="mixup"):
        made(image={"mixup": 0.2})


def test_rows_of_one_image_are_learnt_together_and_seen_once() -> None:
    rows, _ = made(hide=0.3, image={"shift": 3})
    batches = rows.order(4, torch.Generator().manual_seed(1))
    assert sorted(torch.cat(batches).tolist()) == list(range(10))
    order = [rows.take(batch, torch.Generator().manual_seed(2))["same"].tolist() for batch in batches]
    flat = [number for batch in order for number in batch]
    assert [number for place, number in enumerate(flat) if number not in flat[:place]] == list(dict.fromkeys(flat))
    assert sum(one != other for one, other in pairwise(flat)) == len({*flat}) - 1
    batch = rows.take(torch.tensor([0, 3, 1]), torch.Generator().manual_seed(3))
    assert torch.equal(batch["image"][0], batch["image"][1]), "it is distorted alike for all rows"
    assert "same" not in rows.take(torch.tensor([0]), None)


def test_rows_that_all_lack_an_image_are_still_rows() -> None:
    _, facts = made()
    lone = inputs.of_fields([inputs.held([b"", b""], image.decode), inputs.held(["a", "b"], text.decode)], None, facts)
    assert lone.take(torch.tensor([0, 1]), None)["image"].shape == (2, 3, 16, 16)
    with pytest.raises(DataError, match="no training row has an image"):
        inputs.fit_facts([inputs.held([b""], image.decode), ["a"]], TOKENIZER)
