"""What `chainrule new` finds of sounds: in folders of classes, and by the names of files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import audio_files
from chainrule.data.columns import columns as columns_of
from chainrule.data.reading import reader
from chainrule.data.splitting import position
from chainrule.inspection import choices, writing
from chainrule.inspection.detection import detect
from chainrule.inspection.examples import Examples, Options
from chainrule.inspection.machine import Machine
from chainrule.recipes.check import find_mistakes
from chainrule.system.errors import DataError, ParamsError


def look(path: Path, **options: str) -> Examples:
    return detect(path, Options(**options))


def recipe(found: Examples, root: Path) -> dict[str, Any]:
    block = writing.block(found, choices.choose(found, root, None, Machine(2, False)), root)
    assert find_mistakes({"recipes": {"mine": block}}) == []
    return block


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """Words by six speakers, three times each: down_ada_0.wav, in the folder of a data set."""
    audio_files.write(tmp_path / "mine" / "recordings", each=3)
    (tmp_path / "mine" / "LICENSE.txt").write_text("of everybody")
    return tmp_path / "mine"


def test_names_say_label_and_speaker(named: Path) -> None:
    found = look(named)
    assert (found.task, found.modality, found.rows) == ("audio_classification", "audio", 54)
    assert found.counts == {"down": 18, "flat": 18, "up": 18}
    assert found.groups == dict.fromkeys(audio_files.PITCHES, 9)
    assert found.sounds is not None and found.sounds.rate == 8000
    block = recipe(found, named)
    assert block["source"]["kind"] == "audio_folder" and block["clean"]["normalise"]["rate"] == 8000
    assert "part 0 of the names" in found.doubts[0]


def test_the_seed_gives_every_split_a_speaker(named: Path) -> None:
    seed = recipe(look(named), named)["seed"]
    places = [position(speaker, seed) for speaker in audio_files.PITCHES]
    assert sum(place < 0.2 for place in places) and sum(0.2 <= place < 0.35 for place in places)


def test_another_part_may_be_the_label(named: Path) -> None:
    found = look(named, target="1", group="0")
    assert found.counts == dict.fromkeys(audio_files.PITCHES, 9)
    assert found.groups == dict.fromkeys(audio_files.CLASSES, 18)
    with pytest.raises(ParamsError, match=r"--target 7: a part of the names by its number is needed: 0 \(down\)"):
        look(named, target="7")


def test_folders_of_sounds_are_classes(tmp_path: Path) -> None:
    for word in audio_files.CLASSES:
        for number in range(4):
            file = tmp_path / word / f"{number}_{word}.ogg"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(
                audio_files.encoded(np.resize(audio_files.spoken(word, "ada", number), 8820), "OGG", 22_050)
            )
    found = look(tmp_path)
    assert (found.task, found.source["kind"], found.rows) == ("audio_classification", "audio_folder", 12)
    assert found.counts == dict.fromkeys(audio_files.CLASSES, 4)
    block = recipe(found, tmp_path)
    assert "normalise" not in block["clean"] and "label_pattern" not in block["source"]
    assert any(
        "16,000 samples a second of 22,050" in line
        for line in choices.choose(found, tmp_path, None, Machine(2, False)).why
    )


def test_a_table_may_name_sounds(tmp_path: Path) -> None:
    lines = ["file_name,word,speaker"]
    for word in audio_files.CLASSES:
        for speaker in audio_files.PITCHES:
            name = f"clips/{word}{speaker}.wav"
            (tmp_path / "clips").mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(audio_files.encoded(audio_files.spoken(word, speaker, 0)))
            lines.append(f"{name},{word},{speaker}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines) + "\n")
    found = look(tmp_path / "metadata.csv", target="word", group="speaker")
    assert (found.task, found.modality, found.counts) == (
        "audio_classification",
        "audio",
        dict.fromkeys(audio_files.CLASSES, 6),
    )
    block = recipe(found, tmp_path)
    assert (
        block["source"]["columns"] == {"audio": "file_name", "label": "word"} and block["source"]["group"] == "speaker"
    )
    columns = columns_of("audio_classification", "audio")
    options = {key: value for key, value in block["source"].items() if key not in ("kind", "path")}
    rows = reader("delimited", columns)(tmp_path, **options)
    assert rows["problem"].isna().all() and rows.attrs["unnamed_images"] == 0
    assert rows["audio"][0] == (tmp_path / "clips" / "downada.wav").read_bytes()


def test_names_that_say_nothing_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.wav").write_bytes(audio_files.encoded(audio_files.spoken("up", "ada", number)))
    with pytest.raises(DataError, match="put those of each class into a folder"):
        look(tmp_path)


def test_a_base_is_refused(named: Path) -> None:
    with pytest.raises(DataError, match="sounds start from nothing"):
        choices.choose(look(named), named, "somebody/base", Machine(2, False))
