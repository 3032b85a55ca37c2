import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data.cleaning import Cleaned, clean, targets
from chainrule.data.columns import columns, of_fields
from chainrule.fields import number, text
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field
from chainrule.tasks.text_classification import rows as rules

COLUMNS = columns("text_classification", "text")
OPTIONS = {"lowercase": False, "strip_html": True, "min_characters": 1, "max_characters": 100}


def raw(*rows: tuple[bytes | None, str | None, str | None]) -> pd.DataFrame:
    """Rows of (text, label, part), named r0, r1, …, each a group of its own."""
    names = [f"r{n}" for n in range(len(rows))]
    return pd.DataFrame(
        {
            "id": pd.Series(names, dtype="str"),
            "group": pd.Series([f"g{n}" for n in range(len(rows))], dtype="str"),
            "text": pd.Series([row[0] for row in rows], dtype="object"),
            "label": pd.Series([row[1] for row in rows], dtype="str"),
            "part": pd.Series([row[2] for row in rows], dtype="str"),
            "origin": pd.Series([f"file.tsv:{n + 1}" for n in range(len(rows))], dtype="str"),
        }
    )


def cleaned(rows: pd.DataFrame, near_duplicates: float = 1.0) -> Cleaned:
    return clean(rows, COLUMNS, rules, normalise=OPTIONS, near_duplicates=near_duplicates)


def reasons(result: Cleaned) -> dict[str, str]:
    return dict(zip(result.rejected["id"], result.rejected["reason"], strict=True))


def test_good_rows_are_kept_normalised_with_the_columns_of_raw_rows():
    rows = raw((b"one  text", "a", None), (b"another", "b", "test")).assign(problem=None)
    result = cleaned(rows)
    assert list(result.kept.columns) == ["id", "group", "text", "label", "part", "origin"]
    assert result.kept["text"].tolist() == ["one text", "another"]
    assert result.kept["text"].dtype == "str"
    assert result.rejected["label"].dtype == "str"
    assert result.repairs == {"whitespace": 1}
    assert result.counts == {
        "raw": 2,
        "kept": 2,
        "rejected": 0,
        "repaired": 1,
        "duplicates_within_official_parts": 0,
        "near_duplicate_pairs": 0,
        "near_duplicate_pairs_apart": 0,
    }


def test_every_rejected_row_keeps_its_reason_origin_and_label():
    rows = raw(
        (None, "a", None),
        (b"\x81", "a", None),
        (b"fine", None, None),
        (b"fine too", " ", "train"),
        (b"x", "a", None),
    )
    result = cleaned(rows.assign(problem=[None, None, None, None, "wrong_column_count"]))
    assert reasons(result) == {
        "r0": "missing_input",
        "r1": "undecodable_text",
        "r2": "missing_label",
        "r3": "missing_label",
        "r4": "wrong_column_count",
    }
    assert list(result.rejected.columns) == ["id", "origin", "reason", "detail", "label"]
    assert result.rejected["origin"].tolist() == [f"file.tsv:{n}" for n in range(1, 6)]
    assert result.reasons["missing_label"] == 2


def test_unlabelled_rows_need_no_label():
    assert reasons(cleaned(raw((b"fine", None, "unlabelled")))) == {}


def test_of_exact_duplicates_the_first_stays_and_the_groups_are_linked():
    result = cleaned(raw((b"same", "a", None), (b"Same!", "a", "train"), (b"other", "a", None)))
    assert reasons(result) == {"r1": "exact_duplicate"}
    assert result.rejected["detail"].tolist() == ["same input as r0"]
    assert result.links.to_dict("records") == [{"id": "r0", "other": "r1", "other_group": "g1", "kind": "copy"}]


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize("outside", [None, "train", "unlabelled"])
def test_an_official_row_stays_and_the_copy_outside_makes_way_whatever_its_label(part, outside):
    result = cleaned(raw((b"same", "a", outside), (b"same", "b", part)))
    assert reasons(result) == {"r0": f"duplicate_of_{part}_row"}


def test_a_validation_row_makes_way_for_the_same_test_row():
    assert reasons(cleaned(raw((b"same", "a", "validation"), (b"same", "a", "test")))) == {
        "r0": "duplicate_of_test_row"
    }


def test_duplicates_within_an_official_part_stay_and_are_counted():
    result = cleaned(raw((b"same", "a", "test"), (b"same", "b", "test"), (b"same", "a", "test")))
    assert reasons(result) == {}
    assert result.counts["duplicates_within_official_parts"] == 2


def test_one_input_with_two_labels_is_rejected_whole():
    result = cleaned(
        raw((b"same", "a", None), (b"same", "a", "train"), (b"same", "b", None), (b"same", None, "unlabelled"))
    )
    assert reasons(result) == dict.fromkeys(["r0", "r1", "r2"], "conflicting_labels")
    assert result.rejected["detail"].tolist() == [
        "r2 has the same input and label b",
        "r2 has the same input and label b",
        "r0 has the same input and label a",
    ]


def test_an_unlabelled_copy_makes_way_for_a_labelled_row_even_a_later_one():
    result = cleaned(raw((b"same", None, "unlabelled"), (b"same", "a", None)))
    assert reasons(result) == {"r0": "exact_duplicate"}
    assert result.links["kind"].tolist() == ["unlabelled_copy"]


def test_near_duplicates_stay_and_are_linked():
    rows = raw((b"a b c d e f", "a", None), (b"something else", "a", None), (b"a b c d e f g", "b", None))
    result = cleaned(rows, near_duplicates=0.8)
    assert reasons(result) == {}
    assert result.links.to_dict("records") == [{"id": "r0", "other": "r2", "other_group": "g2", "kind": "near"}]
    assert result.counts["near_duplicate_pairs"] == 1


def test_likeness_is_not_passed_on_from_row_to_row():
    words = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"]
    texts = [" ".join(words[n : n + 12]).encode() for n in range(3)]  # each like the next; the first not like the last
    result = cleaned(raw(*((text, "a", None) for text in texts)), near_duplicates=0.8)
    assert result.links[["id", "other", "kind"]].to_numpy().tolist() == [["r0", "r1", "near"], ["r1", "r2", "apart"]]
    assert result.counts["near_duplicate_pairs"] == 2
    assert result.counts["near_duplicate_pairs_apart"] == 1


@pytest.mark.parametrize("part", ["test", "unlabelled"])
def test_what_is_like_an_official_or_unlabelled_row_stays_tied_to_it_pair_by_pair(part):
    words = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"]
    texts = [" ".join(words[n : n + 12]).encode() for n in range(3)]
    rows = raw(*zip(texts, "aaa", [None, part, None], strict=True))
    assert cleaned(rows, near_duplicates=0.8).links["kind"].tolist() == ["near", "near"]


def test_data_of_fewer_than_two_classes_to_learn_from_is_refused():
    one = cleaned(raw((b"one", "a", None), (b"two", "a", "train"), (b"three", "b", "test"), (b"", "b", None)))
    message = r"of 3 clean rows those to learn from are only of class a \(rejected: empty_text 1\), and a classifier"
    with pytest.raises(DataError, match=message):
        targets(one.kept, "label", rules, one.reasons)
    none = cleaned(raw((b"one", None, "unlabelled")))
    with pytest.raises(DataError, match=r"of 1 clean rows those to learn from are none, and"):
        targets(none.kept, "label", rules, none.reasons)
    two = cleaned(raw((b"one", "b", None), (b"two", "a", "train"), (b"three", "c", "test"), (b"u", "d", "unlabelled")))
    assert targets(two.kept, "label", rules, two.reasons) == ["b", "a", "c"]


def test_progress_sees_every_row():
    seen = []
    rows = raw((b"one", "a", None), (b"two", "a", None))

    def progress(items, what, unit="rows"):
        for item in items:
            seen.append((what, unit))
            yield item

    clean(rows, COLUMNS, rules, normalise=OPTIONS, near_duplicates=1.0, progress=progress)
    assert seen == [("normalise", "rows")] * 2 + [("look for near duplicates", "texts")] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.assign(id="r0"), r"file.tsv:2: id 'r0' is used twice"),
        (lambda rows: rows.assign(part="dev"), r"file.tsv:1: part 'dev' is none of"),
        (lambda rows: rows.assign(group=[None, "g"]), r"file.tsv:1: row 0 has no group"),
        (lambda rows: rows.drop(columns="text"), r"lack the columns text"),
    ],
)
def test_frames_that_are_no_raw_rows_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        cleaned(change(raw((b"one", "a", None), (b"two", "a", None))))


arbitrary = st.lists(
    st.tuples(
        st.one_of(
            st.none(),
            st.sampled_from([b"x", b"X", b"y", b"<p>", b"\x81", b"a b c d", b"a b c d e"]),
            st.binary(max_size=9),
        ),
        st.sampled_from([None, "", "a", "b"]),
        st.sampled_from([None, "train", "validation", "test", "unlabelled"]),
    ),
    max_size=14,
)


@settings(max_examples=50)
@given(rows=arbitrary)
def test_kept_and_rejected_make_up_the_raw_rows_and_no_input_is_kept_in_two_parts(rows):
    frame = raw(*rows)
    result = cleaned(frame, near_duplicates=0.5)
    assert sorted([*result.kept["id"], *result.rejected["id"]]) == sorted(frame["id"])
    assert result.counts["kept"] + result.counts["rejected"] == result.counts["raw"] == len(rows)
    assert set(result.links["id"]) <= set(result.kept["id"])
    keys = result.kept["text"].map(text.key)
    official = result.kept["part"].isin(["test", "validation"])
    assert keys[~official].is_unique
    assert not set(keys[~official]) & set(keys[official])
    again = clean(frame, COLUMNS, rules, normalise=OPTIONS, near_duplicates=0.5)
    assert again.kept.equals(result.kept)
    assert again.links.equals(result.links)


def test_what_a_source_met_is_the_detail_of_the_reason():
    rows = raw((b"some text", None, None), (b"more text", "a", None))
    result = cleaned(rows.assign(problem=["unknown_label: '7: seven'", "wrong_column_count"]))
    assert result.rejected["reason"].tolist() == ["unknown_label", "wrong_column_count"]
    assert result.rejected["detail"].tolist() == ["'7: seven'", "found by the source"]
    assert result.reasons == {"unknown_label": 1, "wrong_column_count": 1}


PAIR = of_fields((Field("first", "text", "input"), Field("second", "text", "input"), Field("label", "label", "target")))


def pairs(*rows: tuple[bytes | None, bytes | None, str]) -> pd.DataFrame:
    frame = raw(*((None, label, None) for _, _, label in rows)).drop(columns="text")
    frame["first"] = pd.Series([row[0] for row in rows], dtype="object")
    frame["second"] = pd.Series([row[1] for row in rows], dtype="object")
    return frame


def test_a_pair_with_one_side_missing_is_rejected_by_the_name_of_that_side():
    rows = pairs(
        (b"one", None, "a"), (b" ", b"two", "a"), (b"one", b"two", "a"), (b"<p>", b"two", "a"), (b"x", b"\x81", "a")
    )
    result = clean(rows, PAIR, rules, normalise=OPTIONS, near_duplicates=1.0)
    assert reasons(result) == {
        "r0": "missing_second",
        "r1": "missing_first",
        "r3": "empty_text_in_first",
        "r4": "undecodable_text_in_second",
    }
    assert result.counts["kept"] + result.counts["rejected"] == len(rows)
    assert list(result.kept) == ["id", "group", "label", "part", "origin", "first", "second"]


def test_pairs_are_the_same_if_both_sides_are_in_their_order():
    rows = pairs((b"a b", b"c", "x"), (b"A b!", b"c", "x"), (b"c", b"a b", "x"), (b"a b", b"d", "y"))
    assert reasons(clean(rows, PAIR, rules, normalise=OPTIONS, near_duplicates=1.0)) == {"r1": "exact_duplicate"}


def test_pairs_are_alike_if_both_sides_are():
    long, longer = b"a b c d e f", b"a b c d e f g"
    rows = pairs((long, b"z", "x"), (longer, b"z", "x"), (long, b"y", "x"), (longer, long, "x"), (long, longer, "x"))
    result = clean(rows, PAIR, rules, normalise=OPTIONS, near_duplicates=0.8)
    assert result.links[["id", "other"]].to_numpy().tolist() == [["r0", "r1"], ["r3", "r4"]]


def test_one_side_that_repeats_often_costs_nothing():
    rows = pairs(*((b"the same question of all rows", f"answer number {n} {n}".encode(), "x") for n in range(8_000)))
    result = clean(rows, PAIR, rules, normalise=OPTIONS, near_duplicates=0.8)
    assert result.counts["kept"] == 8_000
    assert result.counts["near_duplicate_pairs"] == 0


def test_of_one_input_with_several_numbers_the_first_stays_and_the_others_say_what_it_is():
    fields = of_fields((Field("text", "text", "input"), Field("price", "number", "target")))
    rows = raw((b"same", "2.5", None), (b"same", "3", None), (b"same", "2.50", None), (b"x", "3,5", None))
    rows = rows.rename(columns={"label": "price"})
    result = clean(rows, fields, number, normalise=OPTIONS, near_duplicates=1.0)
    assert reasons(result) == {"r1": "exact_duplicate", "r2": "exact_duplicate", "r3": "decimal_comma"}
    assert result.rejected["detail"].tolist()[:2] == ["same input as r0, whose price is 2.5", "same input as r0"]
    assert result.kept["price"].tolist() == [2.5]
    assert result.rejected["price"].tolist() == ["3", "2.50", "3,5"]
    with pytest.raises(
        DataError, match=r"of 1 clean rows those to learn from are all of 2.5 \(rejected: decimal_comma 1"
    ):
        targets(result.kept, "price", number, result.reasons)


SETS = columns("multi_label", "text")


def relabelled(rows: pd.DataFrame, of=COLUMNS, contradictions: str = "reject", **labels) -> Cleaned:
    return clean(rows, of, rules, normalise=OPTIONS, near_duplicates=1.0, labels=labels, contradictions=contradictions)


def test_labels_are_merged_renamed_and_dropped_in_any_case():
    rows = raw(
        (b"a", "Kitten", None),
        (b"b", "CAT", None),
        (b"c", "dog", "test"),
        (b"d", "Junk", None),
        (b"e", None, "unlabelled"),
    )
    result = relabelled(rows, case="lower", map={"kitten": "cat", "Dog": "Hund"}, drop=["JUNK"])
    assert result.kept["label"].tolist()[:3] == ["cat", "cat", "Hund"]
    assert reasons(result) == {"r3": "dropped_label"}
    assert result.rejected["label"].tolist() == ["Junk"], "as it was found"
    assert result.repairs == {"renamed_label": 3}
    as_found = relabelled(rows, map={"kitten": "cat"}, drop=["junk"])
    assert as_found.kept["label"].tolist()[:4] == ["Kitten", "CAT", "dog", "Junk"], "case counts unless it is lowered"


def test_of_a_set_a_dropped_label_is_taken_out_and_the_row_stays():
    rows = raw((b"a", '["x","y"]', None), (b"b", '["y"]', None), (b"c", '["Z","x"]', None))
    rows = rows.rename(columns={"label": "labels"})
    result = relabelled(rows, SETS, map={"Z": "x"}, drop=["y"])
    assert result.kept["labels"].tolist() == ['["x"]', "[]", '["x"]']


def test_the_label_of_most_rows_wins_where_that_is_asked_for_and_a_tie_is_rejected():
    rows = raw(
        (b"same", "a", None), (b"Same!", "b", None), (b"same", "b", None), (b"other", "a", None), (b"other", "b", None)
    )
    assert set(reasons(relabelled(rows)).values()) == {"conflicting_labels"}
    result = relabelled(rows, contradictions="majority")
    assert result.kept[["id", "label"]].to_numpy().tolist() == [["r1", "b"]]
    assert reasons(result) == {
        "r0": "outvoted",
        "r2": "exact_duplicate",
        "r3": "conflicting_labels",
        "r4": "conflicting_labels",
    }
    assert result.rejected["detail"][0] == "2 of 3 rows with the same input say b, as r1 does"
    assert set(result.links["other_group"]) == {"g0", "g2"}, "their groups stay together"


def test_merged_labels_contradict_each_other_no_more():
    rows = raw((b"same", "kitten", None), (b"same", "cat", None), (b"x", "dog", None))
    assert reasons(relabelled(rows, map={"kitten": "cat"})) == {"r1": "exact_duplicate"}
