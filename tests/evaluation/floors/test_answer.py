"""Floors of answers, on passages of which it is known what each says."""

import numpy as np

from chainrule.evaluation.figures.answer import OTHER, grouped, question_word
from chainrule.evaluation.floors import answer
from chainrule.evaluation.scores.answer import answers
from chainrule.fields import answer as field

CONTEXT = "Rome is old. Oslo is cold and it was founded by Harald. Paris has 2.5 million people. Nobody walks."


def test_the_sentence_shares_the_rare_words_of_the_question() -> None:
    rare = answer.rarity([CONTEXT, "It is what it is.", "A cat is here."])
    assert answer.sentence("Who founded Oslo?", CONTEXT, rare) == "Oslo is cold and it was founded by Harald."
    assert answer.sentence("How many people has Paris?", CONTEXT, rare) == "Paris has 2.5 million people."
    assert answer.sentence("谁建立了北京?", "上海很大。北京很老。", {"": 1.0}) == "北京很老。"


def test_the_window_stands_beside_the_words_of_the_question_and_has_none_of_them() -> None:
    context = "Anna has a cat. The dog of Berta barks at the cat."
    rare = answer.rarity([context, "The cat of a man."])
    assert answer.window("Whose dog barks?", context, rare, 2) == "of Berta"
    assert answer.window("Who has a cat?", context, rare, 1) == "Anna"
    assert answer.window("什么很老", "上海很大,北京很老。", {"": 1.0}, 2) == "北京"


def test_floors_say_something_of_every_row() -> None:
    values = [field.written([field.Answer("cold", 21)]), "[]"]
    target = field.encode(values, field.fit(values))
    rows = (["Who founded Oslo?", "Is it?"], [CONTEXT, "短"])
    found = answer.floors(None, rows, target, rows, {}, 0)
    assert answers(found["no_answer"]) == ["", ""]
    assert answers(found["sentence"])[0].startswith("Oslo is cold")
    assert all(len(answers(said)) == 2 for said in found.values())
    assert np.isfinite(found["window"]["said"]).all()


def test_questions_are_told_apart_by_how_they_ask() -> None:
    asked = ["How many teams?", "In what year?", "Wie viele?", "他们有多少人?", "Name it.", "Somehow, who?"]
    assert [question_word(each) for each in asked] == ["how many", "what", "wie viele", "多少", OTHER, "who"]
    import pandas as pd

    rows = pd.DataFrame({"question": asked[:2], "answers": ["[]", field.written([field.Answer("the year 1900", 0)])]})
    assert grouped(rows)["answer_length"] == ["no answer", "2 words"]
