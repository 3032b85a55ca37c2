"""Sets that libraries and the hub have: by card, from a folder, and a clear line where nothing answers."""

import json
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chainrule.data.sources import hub, sklearn, torchvision
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

CARDS = Path(__file__).parents[3] / "data" / "sources"
CLASSES = (Field("row", "table", "input"), Field("label", "label", "target"))
NUMBERS = (Field("row", "table", "input"), Field("target", "number", "target"))
TEXTS = (Field("text", "text", "input"), Field("label", "label", "target"))
IMAGES = (Field("image", "image", "input"), Field("label", "label", "target"))


@pytest.mark.parametrize(
    ("name", "rows", "columns", "label"),
    [("iris", 150, 4, "setosa"), ("wine", 178, 13, "class_0"), ("breast_cancer", 569, 30, "malignant")],
)
def test_tables_of_scikit_learn_are_rows_with_the_names_of_their_classes(
    name: str, rows: int, columns: int, label: str
) -> None:
    frame = sklearn.read(CARDS / f"{name}.yaml", fields=CLASSES)
    assert (len(frame), len(json.loads(frame["row"][0])), frame["label"][0]) == (rows, columns, label)
    assert frame["id"].is_unique and frame["problem"].isna().all()


def test_the_target_of_diabetes_is_a_number() -> None:
    frame = sklearn.read(CARDS / "diabetes.yaml", fields=NUMBERS)
    assert (len(frame), frame["target"][0]) == (442, "151")
    assert json.loads(frame["row"][0])["age"] == 59.0


def test_a_card_that_is_of_other_data_or_of_none_is_refused(tmp_path: Path) -> None:
    card = tmp_path / "card.yaml"
    card.write_text("dataset: iris\nsha256: 00\n")
    with pytest.raises(DataError, match="scikit-learn has other data than this card describes"):
        sklearn.read(card, fields=CLASSES)
    card.write_text("dataset: irises\n")
    with pytest.raises(DataError, match=r"scikit-learn has no set 'irises'; dataset may be iris, wine"):
        sklearn.read(card, fields=CLASSES)
    card.write_text("name: iris\n")
    with pytest.raises(DataError, match=r"card\.yaml: has no 'dataset'; a card of sklearn has a line"):
        sklearn.read(card, fields=CLASSES)


def test_a_set_of_torchvision_is_read_from_the_folder_that_its_card_names(tmp_path: Path) -> None:
    raw = tmp_path / "here" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, count in (("train", 3), ("t10k", 2)):
        images = np.arange(count * 4, dtype=np.uint8).reshape(count, 2, 2)
        header = np.array([2051, count, 2, 2], ">i4").tobytes()
        (raw / f"{name}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = np.array([2049, count], ">i4").tobytes()
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(header + bytes(range(count)))
    (tmp_path / "mnist.yaml").write_text("dataset: MNIST\nfolder: here\n")
    frame = torchvision.read(tmp_path / "mnist.yaml")
    assert frame["part"].tolist() == ["train"] * 3 + ["test"] * 2
    assert frame["label"].tolist() == ["0 - zero", "1 - one", "2 - two", "0 - zero", "1 - one"]
    assert all(image.startswith(b"\x89PNG") for image in frame["image"])
    (tmp_path / "mnist.yaml").write_text("dataset: VOCDetection\n")
    with pytest.raises(DataError, match="VOCDetection"):
        torchvision.read(tmp_path / "mnist.yaml")


def saved(folder: Path) -> Path:
    """Write a set with classes and three splits as `datasets` saves it."""
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    )
    splits = {
        "train": {"text": ["a", "b"], "label": [1, 0]},
        "test": {"text": ["c"], "label": [1]},
        "unsupervised": {"text": ["d"], "label": [-1]},
    }
    found = {name: datasets.Dataset.from_dict(rows, features=features) for name, rows in splits.items()}
    datasets.DatasetDict(found).save_to_disk(str(folder))
    return folder


def test_a_folder_that_datasets_saved_has_its_splits_as_parts_and_the_names_of_classes(tmp_path: Path) -> None:
    frame = hub.read(saved(tmp_path / "saved"), fields=TEXTS)
    assert dict(zip(frame["text"], frame["part"], strict=True)) == {
        b"a": "train", b"b": "train", b"c": "test", b"d": "unlabelled"
    }  # fmt: skip
    assert frame["label"].tolist()[:3] == ["good", "bad", "good"] and frame["label"].isna()[3]
    assert frame["origin"].tolist()[:2] == ["train:1", "train:2"]
    some = hub.read(tmp_path / "saved", fields=TEXTS, splits={"all": "test"})
    assert some["text"].tolist() == [b"c"] and some["part"].isna().all()
    with pytest.raises(DataError, match=r"has no split 'dev'; correct source.splits: it has train, test, unsupervised"):
        hub.read(tmp_path / "saved", fields=TEXTS, splits={"validation": "dev"})


def test_images_of_a_saved_folder_are_bytes(tmp_path: Path) -> None:
    image = {"bytes": b"\x89PNG", "path": None}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    datasets.Dataset.from_dict({"image": [image], "label": ["x"]}, features=features).save_to_disk(str(tmp_path / "s"))
    frame = hub.read(tmp_path / "s", fields=IMAGES)
    assert frame["image"].tolist() == [b"\x89PNG"] and frame["part"].isna().all()


def test_what_the_hub_cannot_give_is_one_line_with_what_brings_it(tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text("dataset: nobody/nothing\n")
    with pytest.raises(
        DataError, match=r"nobody/nothing is neither on this machine nor to be had.*hf download nobody"
    ) as e:
        hub.read(tmp_path / "card.yaml", fields=TEXTS)
    assert "\n" not in str(e.value)


def test_parquet_files_of_a_snapshot_have_its_names_of_classes_too(tmp_path: Path) -> None:
    from chainrule.data.sources import parquet

    features = {
        "label": {"names": ["bad", "good"], "_type": "ClassLabel"},
        "text": {"dtype": "string", "_type": "Value"},
    }
    table = pa.table({"text": ["a", "b", "c"], "label": [1, 0, -1]})
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(about), tmp_path / "train-00000.parquet")
    pq.write_table(table.replace_schema_metadata(about), tmp_path / "train-00001.parquet")
    frame = parquet.read(tmp_path, fields=TEXTS, files={"train": "train-*.parquet"})
    assert frame["label"].tolist()[:2] == ["good", "bad"] and frame["label"].isna()[2]
    assert frame["origin"].tolist()[3] == "train-00001.parquet:1" and frame["id"].is_unique
