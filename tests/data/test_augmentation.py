import io
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chainrule.data.augmentation import altered_copies
from chainrule.data.columns import Column
from chainrule.fields import image, text

OPTIONS: dict[ModuleType, dict[str, float]] = {
    text: {"delete": 0.3, "swap": 0.3},
    image: {"degrees": 20, "shift": 0.2, "scale": 0.2},
}


def column(modality: ModuleType) -> Column:
    return Column("text" if modality is text else "image", modality)


def inputs(modality: ModuleType, number: int) -> Any:
    rng = np.random.default_rng(number)
    if modality is text:
        return " ".join(rng.choice(["a", "long", "dull", "film", "plot", "was"], 30))
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (9, 9), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def training_rows(modality: ModuleType, ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": ids,
            "group": [f"group of {name}" for name in ids],
            column(modality).name: [inputs(modality, sum(name.encode())) for name in ids],
            "label": ["cat" if position % 2 else "dog" for position in range(len(ids))],
            "part": [None] * len(ids),
            "origin": [f"file:{name}" for name in ids],
            "split": ["train"] * len(ids),
        }
    )


def quiet(items: Iterable[Any], label: str) -> Iterable[Any]:
    return items


def made(modality: ModuleType, ids: list[str], copies: int = 2, seed: int = 1) -> pd.DataFrame:
    rows = training_rows(modality, ids)
    return altered_copies(
        rows, [column(modality)], copies=copies, seed=seed, options=[OPTIONS[modality]], progress=quiet
    )


def by_id(copies: pd.DataFrame, modality: ModuleType) -> dict[str, Any]:
    return dict(zip(copies["id"], copies[column(modality).name], strict=True))


both = pytest.mark.parametrize("modality", [image, text])


@both
def test_a_copy_keeps_group_and_label_and_names_the_row_it_came_from(modality: ModuleType) -> None:
    rows, copies = training_rows(modality, ["a", "b", "c"]), made(modality, ["a", "b", "c"])
    assert list(copies.columns) == list(rows.columns)
    assert copies["id"].tolist() == ["a+1", "b+1", "c+1", "a+2", "b+2", "c+2"]
    assert copies["origin"].tolist() == ["a", "b", "c"] * 2
    for column in ("group", "label", "split"):
        assert copies[column].tolist() == rows[column].tolist() * 2


@both
def test_every_copy_is_altered_in_its_own_way(modality: ModuleType) -> None:
    rows, copies = training_rows(modality, ["a", "b", "c"]), made(modality, ["a", "b", "c"])
    everything = [*rows[column(modality).name], *copies[column(modality).name]]
    assert len(set(everything)) == 9


@both
def test_rows_of_the_same_content_are_altered_differently(modality: ModuleType) -> None:
    rows = training_rows(modality, ["a", "b"])
    rows[column(modality).name] = [rows[column(modality).name][0]] * 2
    copies = altered_copies(rows, [column(modality)], copies=1, seed=1, options=[OPTIONS[modality]], progress=quiet)
    assert copies[column(modality).name][0] != copies[column(modality).name][1]


@both
def test_rows_that_come_go_or_move_change_no_other_copy(modality: ModuleType) -> None:
    before = by_id(made(modality, ["a", "b", "c"]), modality)
    after = by_id(made(modality, ["z", "c", "a", "y"], copies=3), modality)
    shared = before.keys() & after.keys()
    assert shared == {"a+1", "a+2", "c+1", "c+2"}
    assert all(before[name] == after[name] for name in shared)


@both
def test_a_seed_gives_the_same_copies_and_another_seed_others(modality: ModuleType) -> None:
    first = made(modality, ["a", "b"])
    pd.testing.assert_frame_equal(first, made(modality, ["a", "b"]))
    other = by_id(made(modality, ["a", "b"], seed=2), modality)
    assert all(other[name] != value for name, value in by_id(first, modality).items())


@both
def test_no_copies_are_no_rows_of_the_same_columns(modality: ModuleType) -> None:
    rows = training_rows(modality, ["a", "b"])
    none = made(modality, ["a", "b"], copies=0)
    assert len(none) == 0
    assert list(none.columns) == list(rows.columns)
    pd.testing.assert_frame_equal(pd.concat([rows, none], ignore_index=True), rows)


@both
def test_the_rows_themselves_stay_as_they_are(modality: ModuleType) -> None:
    rows = training_rows(modality, ["a", "b"])
    kept = rows.copy(deep=True)
    altered_copies(rows, [column(modality)], copies=2, seed=1, options=[OPTIONS[modality]], progress=quiet)
    pd.testing.assert_frame_equal(rows, kept)


def test_progress_is_shown_per_copy() -> None:
    labels: list[tuple[int, str]] = []

    def noting(items: Any, label: str) -> Iterable[Any]:
        labels.append((len(items), label))
        return items  # type: ignore[no-any-return]

    rows = training_rows(text, ["a", "b", "c"])
    altered_copies(rows, [column(text)], copies=2, seed=1, options=[OPTIONS[text]], progress=noting)
    assert labels == [(3, "copy 1 of 2"), (3, "copy 2 of 2")]


def test_the_inputs_of_a_row_are_altered_alike() -> None:
    rows = training_rows(image, ["a", "b"])
    rows["other"] = rows["image"]
    columns = [Column("image", image), Column("other", image)]
    copies = altered_copies(rows, columns, copies=1, seed=1, options=[OPTIONS[image]] * 2, progress=quiet)
    assert copies["image"].tolist() == copies["other"].tolist()
    assert copies["image"].tolist() != rows["image"].tolist()
