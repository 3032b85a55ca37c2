"""Scores of texts that were written: sacreBLEU's own numbers, by sums of rows."""

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from chainrule.evaluation import intervals
from chainrule.evaluation.paired import paired_comparison
from chainrule.evaluation.scores import wording
from chainrule.fields.wording import codes, texts

SAID = ["Ein Mann läuft.", "Zwei Hunde spielen Schnee.", "Frau mit 3,5 kg Äpfel und so weiter", "", "Ein Kind."]
TRUE = ["Ein Mann, der läuft.", "Zwei Hunde spielen im Schnee .", "Eine Frau mit 3,5 kg Äpfeln", "kurz", "Ein Kind."]
WORDS = st.lists(st.sampled_from(["ein", "Hund", "läuft", ",", "x-y", "3.5", "«"]), max_size=7).map(" ".join)


def measured(said: list[str], true: list[str]) -> dict[str, float]:
    sums = wording.statistics({"text": codes(said, 60)}, codes(true, 60), {}).sum(axis=0)
    return {name: float(value) for name, value in wording.metrics(sums, {}).items()}


def test_they_are_those_of_sacrebleu() -> None:
    found = measured(SAID, TRUE)
    theirs = sacrebleu.corpus_bleu(SAID, [TRUE])
    assert found["bleu"] == pytest.approx(theirs.score)
    assert found["brevity_penalty"] == pytest.approx(theirs.bp)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(SAID, [TRUE]).score)
    assert found["exact"] == pytest.approx(0.2)


@given(st.lists(st.tuples(WORDS, WORDS.filter(bool)), min_size=1, max_size=6))
def test_they_are_those_of_sacrebleu_whatever_is_written(pairs: list[tuple[str, str]]) -> None:
    said, true = (list(side) for side in zip(*pairs, strict=True))
    found = measured(said, true)
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(said, [true]).score, abs=1e-9)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(said, [true]).score, abs=1e-9)


def test_chinese_is_counted_by_its_characters() -> None:
    facts = {"tokens": "zh"}
    said, true = ["我喜欢这部电影"], ["我很喜欢这部电影"]
    sums = wording.statistics({"text": codes(said, 20)}, codes(true, 20), facts).sum(axis=0)
    theirs = sacrebleu.corpus_bleu(said, [true], tokenize="zh").score
    assert float(wording.metrics(sums, facts)["bleu"]) == pytest.approx(theirs)
    assert theirs > 20


def test_every_resample_is_a_corpus_of_its_own() -> None:
    outputs, target = {"text": codes(SAID, 60)}, codes(TRUE, 60)
    found = intervals.scores(wording, outputs, target, {}, groups=None, resamples=200, seed=1)
    assert found["bleu"]["low"] < found["bleu"]["value"] < found["bleu"]["high"]
    assert found["signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")


def test_the_better_of_two_models_is_ahead() -> None:
    better = {"text": codes(TRUE[:2] + SAID[2:], 60)}
    found = paired_comparison(
        wording, better, {"text": codes(SAID, 60)}, codes(TRUE, 60), {}, groups=None, resamples=200, seed=1
    )
    assert found["difference"]["value"] > 0 and found["difference"]["low"] >= 0


def test_a_row_without_an_answer_is_an_empty_text_and_agrees_with_none() -> None:
    gone = np.full((5, 60), np.nan)
    assert texts(gone) == [""] * 5
    assert not wording.agree({"text": gone}, {"text": gone}, {}).any()
    assert wording.agree({"text": codes(SAID, 60)}, {"text": codes(SAID, 70)}, {}).all()
