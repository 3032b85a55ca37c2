"""The parts of rows, and rows of which some are hidden."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

import tiny_bundles
from chainrule.evaluation.explanation.parts import image, table, text
from chainrule.fields import windows
from chainrule.fields.encoding import encode

WORDS = Tokenizer.from_str(tiny_bundles.tokenizer())
FACTS = {"pad_id": 0, "unknown_id": 1}


def texts(*values: str, most: int = 50):
    encoding = WORDS.encode(*values)
    inputs = {"input_ids": np.array([encoding.ids]), "attention_mask": np.ones((1, len(encoding.ids)), np.int64)}
    return inputs, text.divide(inputs, dict(zip(("first", "second"), values, strict=False)), FACTS, WORDS, most)


def test_an_image_is_cut_into_tiles_that_cover_it():
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 20, 31), dtype=np.uint8)
    parts = image.divide({"image": pixels}, {}, {}, None, 9)
    assert len(parts.about) == 9
    for part, about in enumerate(parts.about):
        inside = np.zeros((20, 31), bool)
        inside[about["top"] : about["bottom"], about["left"] : about["right"]] = True
        np.testing.assert_array_equal(parts.owner == part, inside)
    assert "coarser" in parts.note


def test_a_hidden_tile_has_the_mean_colour_and_the_others_their_own():
    pixels = np.zeros((1, 1, 4, 4), np.uint8)
    pixels[..., :2] = 200
    parts = image.divide({"image": pixels}, {}, {}, None, 4)
    shown, gone = parts.hidden(np.array([[True] * 4, [False, True, True, True]]))["image"]
    np.testing.assert_array_equal(shown, pixels[0])
    np.testing.assert_array_equal(gone[0, :2, :2], 100)
    np.testing.assert_array_equal(gone[0, 2:], pixels[0, 0, 2:])


def test_an_image_smaller_than_the_tiles_has_one_for_each_pixel():
    parts = image.divide({"image": np.zeros((1, 1, 2, 3), np.uint8)}, {}, {}, None, 100)
    assert len(parts.about) == 6
    assert parts.note == ""


def test_a_hidden_word_takes_its_tokens_with_it():
    inputs, parts = texts("the good, bad plot")
    assert [about["text"] for about in parts.about] == ["the", "good,", "bad", "plot"]
    found = parts.hidden(np.array([[True] * 4, [True, False, True, True], [False] * 4]))
    ids = {word: place for place, word in enumerate(tiny_bundles.WORDS)}
    assert found["input_ids"][0].tolist() == inputs["input_ids"][0].tolist()
    assert found["input_ids"][1].tolist() == [ids["the"], ids["bad"], ids["plot"], 0, 0]
    assert found["attention_mask"][1].tolist() == [1, 1, 1, 0, 0]
    assert found["attention_mask"][2].tolist() == [1, 0, 0, 0, 0]  # a text of no token would be no text


def test_the_words_of_a_pair_are_told_apart_by_field():
    _, parts = texts("good film", "bad film")
    assert [(about["field"], about["text"]) for about in parts.about] == [
        ("first", "good"), ("first", "film"), ("second", "bad"), ("second", "film"),
    ]  # fmt: skip


def test_a_letter_of_a_script_without_blanks_is_a_word_unless_a_token_has_several():
    _, parts = texts("好看。 good")
    assert [about["text"] for about in parts.about] == ["好看", "。", "good"]


def test_what_the_model_does_not_read_is_said_and_is_no_part():
    _, parts = texts(" ".join(["good"] * 40))
    assert len(parts.about) == tiny_bundles.MAX_LENGTH
    assert "8 of 40 words are not read" in parts.note


def test_more_words_than_may_be_told_apart_are_taken_together():
    _, parts = texts(" ".join(["good", "bad"] * 10), most=7)
    assert len(parts.about) <= 7
    assert parts.about[0]["text"] == "good bad good"
    assert "20 words in 7 runs" in parts.note


def test_a_hidden_word_is_left_out_of_every_window_that_has_it():
    words = Tokenizer(models.WordLevel({token: at for at, token in enumerate(["[PAD]", "[UNK]", *"abcdefg"])}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    facts = {"pad_id": 0, "unknown_id": 1, "max_length": 4, "windows": {"overlap": 1, "most": 9}}
    (folded,) = windows.fold(words, ["a b c d e f"], facts)
    inputs = {name: windows.arrays(folded, 0)[name] for name in ("input_ids", "attention_mask")}
    assert inputs["input_ids"].tolist() == [[[2, 3, 4, 5], [5, 6, 7, 0]]]
    parts = text.divide(inputs, {"text": "a b c d e f"}, facts, words, 50)
    assert [part["text"] for part in parts.about] == list("abcdef")
    assert parts.owner.tolist() == [[0, 1, 2, 3], [3, 4, 5, -1]]
    masks = ~np.eye(6, dtype=bool)[[3, 5]]
    hidden = parts.hidden(masks)
    assert hidden["input_ids"].tolist() == [[[2, 3, 4, 0], [6, 7, 0, 0]], [[2, 3, 4, 5], [5, 6, 0, 0]]]
    assert hidden["attention_mask"].sum(axis=2).tolist() == [[3, 2], [4, 2]]
    assert parts.blank["input_ids"].tolist() == [[[1, 1, 1, 1], [1, 1, 1, 0]]]
    assert parts.hidden(np.zeros((1, 6), bool))["attention_mask"].tolist() == [[[1], [0]]]


def row(**cells):
    rules = tiny_bundles.table_rules()["facts"] | {"fill": [30.0, 10.0, -21000.0]}
    cells = {
        "Age": 22.0,
        "Fare": None,
        "Sex": "female",
        "Sailed": "1912-04-10",
        "Alone": True,
        "Remark": "a plot",
    } | cells
    return encode([cells], rules), table.divide(encode([cells], rules), {"row": cells}, rules, None, 50)


def test_a_hidden_column_holds_what_is_usual_whatever_its_kind():
    inputs, parts = row()
    assert [about["column"] for about in parts.about] == ["Age", "Fare", "Sailed", "Sex", "Alone", "Remark"]
    assert parts.about[1]["value"] is None
    whole, none, age = (
        {
            name: array[at]
            for name, array in parts.hidden(np.array([[True] * 6, [False] * 6, [False] + [True] * 5])).items()
        }
        for at in range(3)
    )
    for name, array in inputs.items():
        np.testing.assert_array_equal(whole[name], array[0])
    assert none["numbers"].tolist() == [30.0, 10.0, -21000.0]
    assert none["categories"].tolist() == [1, 1]
    assert not none["words"].any()
    assert age["numbers"][0] == 30
    assert np.isnan(age["numbers"][1])


@pytest.mark.parametrize("most", [1, 2, 4])
def test_columns_beyond_the_limit_are_taken_together(most):
    cells = {"Age": 22.0, "Fare": 7.0, "Sex": "male", "Sailed": "1912-04-10", "Alone": True, "Remark": ""}
    facts = tiny_bundles.table_rules()["facts"]
    parts = table.divide(encode([cells], facts), {"row": cells}, facts, None, most)
    assert len(parts.about) <= most
    assert "6 columns" in parts.note
