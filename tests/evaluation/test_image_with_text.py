"""What is asked of rows of an image and a text, of which one may be missing: floors, corruptions, traits, reasons."""

import numpy as np
import pytest

import questions_of_shapes as shapes
from chainrule.evaluation.explanation.parts import image_text as parts
from chainrule.evaluation.floors import image_text as floors
from chainrule.evaluation.robustness import image_text as robustness
from chainrule.evaluation.slices.traits import image_text as traits
from chainrule.fields import image, image_text
from chainrule.training.inputs import text

IMAGES = [shapes.picture(number)[0] for number in range(4)]


def test_the_commonest_answer_to_each_text_and_of_all_to_a_new_one() -> None:
    known = floors.by_text(["a", "a", "a", "b"], np.array([0, 0, 1, 2]), ["a", "b", "c"], np.full((3, 3), 1 / 3))
    assert known == pytest.approx(np.array([[2 / 3, 1 / 3, 0], [0, 0, 1], [1 / 3] * 3]))


def test_floors_take_rows_without_an_image_or_a_text() -> None:
    count = 60
    values = [IMAGES[number % 4] if number % 7 else b"" for number in range(count)]
    texts = ["what colour?" if number % 5 else "" for number in range(count)]
    target = np.arange(count) % 2
    rows = [image_text.decode("image", values), image_text.decode("text", texts)]
    found = floors.floors(rows, target, rows, {"classes": ["a", "b"]}, 0, None, lambda items, *_: items)
    assert {name.partition("_")[0] for name in found} == {"majority", "text", "image"}
    for outputs in found.values():
        assert outputs["probabilities"].shape == (count, 2)
        assert outputs["probabilities"].sum(axis=1) == pytest.approx(1)


def test_a_corruption_is_of_one_input_and_leaves_what_is_missing() -> None:
    texts = ["what colour is the shape in this picture?", ""]
    assert robustness.corrupted(texts, "gaussian_noise", 5, 0) == texts
    assert robustness.corrupted([IMAGES[0], b""], "typos", 5, 0) == [IMAGES[0], b""]
    noisy = robustness.corrupted([b"", IMAGES[0]], "gaussian_noise", 5, 0)
    assert noisy[0] == b"" and image.decode(noisy[1:]).shape == (1, 16, 16, 3) and noisy[1] != IMAGES[0]
    mistyped = robustness.corrupted(texts, "typos", 5, 0)
    assert mistyped[0] != texts[0] and mistyped[1] == ""


def test_traits_of_what_is_missing_are_no_numbers() -> None:
    assert np.isnan(traits.traits([IMAGES[0], b"", IMAGES[1]])["brightness"]).tolist() == [False, True, False]
    assert traits.traits(["one two", ""])["words"][0] == 2


def test_words_are_hidden_one_by_one_and_the_image_stays() -> None:
    facts = text.fit_facts([["what colour is it?"]], {"vocabulary": 120, "max_length": 16})
    ids, _ = text.encode([["what colour is it?"]], facts)
    found = parts.divide(
        {
            "image": np.ones((1, 3, 4, 4), np.uint8),
            "input_ids": np.array(ids),
            "attention_mask": np.ones((1, len(ids[0])), np.int64),
            "given": np.ones((1, 2), np.int64),
        },
        {"image": b"", "text": "what colour is it?"},
        facts,
        text.Tokenizer.from_str(facts["tokenizer"]),
        49,
    )
    assert [about["text"] for about in found.about] == ["what", "colour", "is", "it?"]
    hidden = found.hidden(np.array([[True] * 4, [False, True, True, True]]))
    assert hidden["image"].shape == (2, 3, 4, 4) and hidden["given"].shape == (2, 2)
    assert hidden["attention_mask"][0].sum() > hidden["attention_mask"][1].sum()
