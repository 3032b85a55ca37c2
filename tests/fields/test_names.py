"""Labels: what no eye can tell apart is one class, one number is one label, and what was changed is counted."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.columns import Column
from chainrule.data.reading import tidied, united
from chainrule.fields import label, labels, names, number

LABEL = Column("label", label)


def rows(*given: str | None) -> pd.DataFrame:
    return pd.DataFrame({"label": pd.Series(given, dtype="str")})


@pytest.mark.parametrize(
    ("met", "tidy"),
    [
        ("cat", "cat"),
        ("cafe\u0301", "caf\u00e9"),
        ("\ufeffcat", "cat"),
        ("ca\u200bt", "cat"),
        ("ca\u00adt", "cat"),
        ("cat\u200d", "cat"),
        ("\u200ecat\u200f", "cat"),
        ("cat\u00a0 ", "cat"),
        ("no\u00a0tumor", "no tumor"),
        ("no  tumor\t", "no tumor"),
        ("\u3000猫", "猫"),
        ("c\x00at", "cat"),
        ("\u200b", ""),
        # Persian is written with non-joiners, and emoji are joined: there they are no blemish.
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("\u2764\ufe0f", "\u2764"),
    ],
)
def test_labels_are_written_in_one_way(met: str, tidy: str) -> None:
    assert names.tidy(met) == tidy


@given(st.text(max_size=12))
def test_what_is_tidy_stays(label: str) -> None:
    assert names.tidy(names.tidy(label)) == names.tidy(label)


def test_mended_labels_are_one_class_and_counted_by_what_was_met() -> None:
    mended = tidied(rows("cafe\u0301", "caf\u00e9", "caf\u00e9\u200b", "caf\u00e9\u200b", None, "\u200b"), LABEL)
    assert mended["label"].dropna().tolist() == ["caf\u00e9"] * 4
    assert mended.attrs["mended_labels"] == {r"'cafe\u0301'": 1, r"'caf\xe9\u200b'": 2, r"'\u200b'": 1}


def test_one_number_is_one_label_in_the_form_that_is_known_or_comes_first() -> None:
    met = united(rows("1", "0", "1.0", "2.50", "v1.0"), LABEL)
    assert met["label"].tolist() == ["1", "0", "1", "2.50", "v1.0"]
    assert united(rows("1.0", "1"), LABEL)["label"].tolist() == ["1.0", "1.0"]
    assert united(rows("1.0", "2.5"), LABEL, known={"1", "2.50"})["label"].tolist() == ["1", "2.50"]
    assert united(rows("1.0", "0.0", "10", "100.0"), LABEL)["label"].tolist() == ["1.0", "0.0", "10", "100.0"]


def test_the_names_of_a_set_and_the_blanks_of_a_number_are_tidied_too() -> None:
    sets = pd.DataFrame(
        {"labels": pd.Series(['["cafe\u0301", "b"]', '["1.0"]', '["1"]', "no list", None], dtype="str")}
    )
    tags = Column("labels", labels)
    met = united(tidied(sets, tags), tags, known={"1"})
    assert met["labels"].tolist()[:4] == ['["caf\u00e9", "b"]', '["1"]', '["1"]', "no list"]
    assert met["labels"].isna().tolist() == [False] * 4 + [True]
    prices = pd.DataFrame({"price": pd.Series([" 2.50 ", " ", "3"], dtype="str")})
    assert tidied(prices, Column("price", number))["price"].tolist()[::2] == ["2.50", "3"]


def test_clean_labels_pass_untouched() -> None:
    frame = rows("a", "b", None)
    assert united(tidied(frame, LABEL), LABEL) is frame and frame.attrs == {}


def test_labels_that_are_likely_one_are_found() -> None:
    assert names.lookalikes(["Cat", "cat", "dog", "no_tumor", "notumor", "Ａ", "A"]) == [
        ("A", "Ａ"),
        ("Cat", "cat"),
        ("no_tumor", "notumor"),
    ]


def test_what_is_mapped_or_dropped_and_was_never_met_is_told() -> None:
    found = names.renaming({"case": "lower", "map": {"Cat ": "animal", "cow": "animal"}, "drop": ["animal", "plant"]})
    assert found is not None
    assert [found(name) for name in ("CAT", "Dog")] == [None, "dog"]
    assert found.unmet({"CAT", "dog"}) == ["cow", "plant"]
    assert names.renaming(None) is None and names.renaming({"case": "keep", "map": {}, "drop": []}) is None


def test_a_long_name_is_cut_in_a_message_and_stays_a_class_of_its_own() -> None:
    one, other = f"{'very ' * 80}good", f"{'Very ' * 80}good"
    (said,) = names.doubts([one, other])
    assert len(said) < 250 and "…" in said
    assert names.short("good") == "good" and len(names.short(one)) == names.MOST
