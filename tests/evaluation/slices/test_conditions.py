"""What is asked of rows: numbers, dates, words, classes, what is missing; of every kind of input."""

import io
import json

import numpy as np
import pandas as pd
from PIL import Image

from chainrule.evaluation.slices import asked, conditions
from chainrule.evaluation.slices.traits import image, table, text
from chainrule.fields import label, number


def holds(found: list[conditions.Condition]) -> dict[str, int]:
    return {condition.words: int(condition.rows.sum()) for condition in found}


def test_numbers_are_cut_at_quantiles_and_gaps_are_asked_for() -> None:
    values = np.r_[np.arange(100.0), [np.nan] * 20]
    found = holds(conditions.of_columns({"age": values}, 10))
    assert found["age is missing"] == 20
    assert found["age at most 49"] == 50
    assert found["age over 89"] == 10
    assert found["age over 24, at most 49"] == 25


def test_words_and_dates_are_asked_for_and_rare_ones_are_not() -> None:
    cells = [{"sex": "f" if n % 2 else "m", "when": f"2020-01-{1 + n % 20:02}", "id": f"person {n}"} for n in range(60)]
    cells[0]["sex"] = "x"
    found = holds(conditions.of_columns(table.traits([json.dumps(each) for each in cells]), 10))
    assert found["sex: f"] == 30
    assert "sex: x" not in found
    assert found["when over 2020-01-10"] + found["when at most 2020-01-10"] == 60
    assert not any(words.startswith("id") for words in found)  # no two rows share one


def test_traits_of_texts_and_images() -> None:
    assert text.traits(["One two", "THREE!"])["words"].tolist() == [2, 1]
    assert text.traits(["ab12", "x"])["share of digits"].tolist() == [0.5, 0]

    def png(level: int) -> bytes:
        file = io.BytesIO()
        Image.fromarray(np.full((4, 4), level, np.uint8)).save(file, "PNG")
        return file.getvalue()

    found = image.traits([png(10), png(200)])
    assert found["brightness"].tolist() == [10, 200]
    assert "width" not in found  # all are of one size


def test_target_and_group_are_asked_for_too() -> None:
    rows = pd.DataFrame(
        {"text": ["a b"] * 20 + ["c"] * 20, "label": ["x", "y"] * 20, "group": ["g", "h", "h", "h"] * 10}
    )
    found = holds(asked.of_rows(rows, ["text"], text, "label", label, 5))
    assert (found["true label: x"], found["group: g"], found["words: 2"]) == (20, 10, 20)
    numbers = rows.assign(value=np.arange(40.0))
    found = holds(asked.of_rows(numbers, ["text"], text, "value", number, 5))
    assert found["true value at most 19"] == 20


def test_a_table_whose_column_is_called_group_is_asked_for_it_beside_the_group_of_its_rows() -> None:
    cells = [json.dumps({"group": "ab"[row % 2]}) for row in range(40)]
    own = [f"g{row // 20}" for row in range(40)]
    some = pd.DataFrame({"row": cells, "label": ["x", "y"] * 20, "group": own})
    found = holds(asked.of_rows(some, ["row"], table, "label", label, 5))
    assert (found["column group: a"], found["group: g0"]) == (20, 20)
