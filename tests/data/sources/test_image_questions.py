"""Questions about images in JSON through the reader: every form, the images that they name, and what is wrong."""

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import questions_of_shapes as shapes
from chainrule.data.columns import columns
from chainrule.data.reading import reader
from chainrule.inspection import detection
from chainrule.inspection.examples import Options
from chainrule.system.errors import DataError

COLUMNS = columns("image_text_classification", "image_text")
PNG = shapes.picture(1)[0]


def read(path: Path, **options: Any) -> pd.DataFrame:
    return reader("image_questions", COLUMNS)(path, **options)


def put(place: Path, content: Any) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def test_triples_of_two_parts_whose_images_are_called_alike(tmp_path: Path) -> None:
    shapes.write(tmp_path, images=3, tested=2, each=2)
    rows = read(tmp_path)
    assert rows["part"].value_counts().to_dict() == {"train": 6, "test": 4}
    assert rows["problem"].isna().all()
    first = rows[rows["part"] == "test"].iloc[0]
    assert first["image"] == (tmp_path / "test" / "images" / "0.png").read_bytes()
    assert first["group"] == "test/images/0.png" and first["id"] == "test/test/questions.json/000001"
    assert rows.groupby("group").size().tolist() == [2] * 5
    assert rows.attrs["unnamed_images"] == 0


def test_an_archive_is_read_as_the_folder_in_it(tmp_path: Path) -> None:
    shapes.write(tmp_path / "set", images=3, tested=2, each=2)
    (tmp_path / "packed").mkdir()
    with tarfile.open(tmp_path / "packed" / "set.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "set", "set")
    one, other = read(tmp_path / "set"), read(tmp_path / "packed")
    compared = ["id", "group", "image", "text", "label", "part"]
    pd.testing.assert_frame_equal(one[compared], other[compared])


def test_objects_and_their_list_under_questions(tmp_path: Path) -> None:
    put(tmp_path / "images" / "val" / "a_000.png", PNG)
    put(tmp_path / "questions" / "val_questions.json", {
        "info": {}, "questions": [
            {"question": "what?", "answer": "cube", "image_filename": "a_000.png", "split": "val"},
            {"question": "how many?", "answer": 3, "image_filename": "a_000.png"},
        ],
    })  # fmt: skip
    rows = read(tmp_path)
    assert rows["label"].tolist() == ["cube", "3"] and rows["part"].tolist() == ["validation"] * 2
    assert rows["image"].tolist() == [PNG, PNG]


def test_questions_and_annotations_as_vqa_has_them(tmp_path: Path) -> None:
    put(tmp_path / "train2014" / "COCO_train2014_000000000042.png", PNG)
    asked = [{"image_id": 42, "question": f"q{number}?", "question_id": number} for number in (1, 2, 3)]
    put(tmp_path / "v2_OpenEnded_mscoco_train2014_questions.json", {"questions": asked})
    told = [
        {"question_id": 1, "image_id": 42, "multiple_choice_answer": "net"},
        {"question_id": 2, "image_id": 42, "answers": [{"answer": a} for a in ("two", "2", "2")]},
    ]
    put(tmp_path / "v2_mscoco_train2014_annotations.json", {"annotations": told})
    rows = read(tmp_path)
    assert rows["label"].fillna("").tolist() == ["net", "2", ""]
    assert set(rows["part"]) == {"train"} and set(rows["group"]) == {"train2014/COCO_train2014_000000000042.png"}


def test_what_is_no_question_is_a_row_with_its_problem(tmp_path: Path) -> None:
    put(tmp_path / "a.png", PNG)
    put(tmp_path / "b.png", PNG)
    put(tmp_path / "answers.txt", b"yes\r\nno\r\n")
    asked = [
        ["?", "yes", "a.png"],
        ["?", "maybe", "a"],
        ["?", "no", "c"],
        "what",
        [5, "no", "a"],
        ["?", ["no"], "a"],
        ["?", None, ""],
    ]
    put(tmp_path / "asked.json", asked)
    rows = read(tmp_path)
    assert [None if pd.isna(problem) else problem.partition(":")[0] for problem in rows["problem"]] == [
        None, "unknown_label", "unknown_image", "not_a_question", "not_a_question", "unreadable_label", None,
    ]  # fmt: skip
    assert rows["image"].iloc[6] == b"" and pd.isna(rows["label"].iloc[6])
    assert rows["part"].isna().all() and rows.attrs["unnamed_images"] == 1


@pytest.mark.parametrize(
    ("content", "said"), [(b"{", "not JSON"), ({"a": 1}, "a list of questions"), (None, "no JSON file with questions")]
)
def test_another_form_is_one_line(tmp_path: Path, content: Any, said: str) -> None:
    put(tmp_path / "a.png", PNG)
    if content is not None:
        put(tmp_path / "a.json", content)
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


def test_files_may_be_named_by_part(tmp_path: Path) -> None:
    for name in ("one", "two"):
        put(tmp_path / f"{name}.json", [["?", name, ""]])
    rows = read(tmp_path, files={"train": "two.json", "all": "one.json"})
    assert rows["part"].fillna("").tolist() == ["train", ""] and rows["label"].tolist() == ["two", "one"]
    with pytest.raises(DataError, match="three"):
        read(tmp_path, files={"train": "three.json"})


def table(tmp_path: Path) -> Path:
    for number in range(30):
        png, colour, shape = shapes.picture(number)
        put(tmp_path / "pictures" / f"{number}.png", png)
        with (tmp_path / "rows.csv").open("a") as file:
            if not number:
                file.write("picture,asked by the user,label\n")
            for text, answer in shapes.questions(colour, shape):
                file.write(f"pictures/{number}.png,{text} please look at it well now {number},{answer}\n")
    return tmp_path


def test_a_table_names_images_whose_rows_are_one_group(tmp_path: Path) -> None:
    place = table(tmp_path)
    with (place / "rows.csv").open("a") as file:
        file.write(",only asked,yes\npictures/none.png,asked,yes\n")
    asked = {"image": "picture", "text": "asked by the user"}
    rows = reader("delimited", COLUMNS)(place, files={"all": "rows.csv"}, columns=asked)
    assert rows["group"].iloc[:150].nunique() == 30
    assert rows.groupby("group").size().iloc[:30].max() == 5
    assert rows["image"].iloc[150] is None and rows["group"].iloc[150] == rows["id"].iloc[150]
    assert rows["problem"].iloc[151].startswith("missing_file")
    grouped = reader("delimited", COLUMNS)(place, files={"all": "rows.csv"}, columns=asked, group="label")
    assert set(grouped["group"]) == set(shapes.ANSWERS)


def test_new_finds_questions_and_tables_with_images(tmp_path: Path) -> None:
    shapes.write(tmp_path / "asked", images=6, tested=3, each=2)
    found = detection.detect(tmp_path / "asked", Options())
    assert (found.task, found.source["kind"], found.parts) == (
        "image_text_classification", "image_questions", {"train": 12, "test": 6},
    )  # fmt: skip
    assert found.images is not None and found.images.sides[0] == (16, 16)
    listed = detection.detect(table(tmp_path / "rows"), Options())
    assert (listed.task, listed.modality) == ("image_text_classification", "image_text")
    assert listed.source["columns"] == {"image": "picture", "text": "asked by the user", "label": "label"}


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no folder")
def test_easy_vqa_as_it_is_published() -> None:
    rows = read(Path(os.environ["CHAINRULE_REAL_DATA"]) / "easy-vqa")
    assert rows["part"].value_counts().to_dict() == {"train": 38_575, "test": 9_673}
    assert rows["problem"].isna().all() and rows["label"].nunique() == 13 and rows["group"].nunique() == 5_000
