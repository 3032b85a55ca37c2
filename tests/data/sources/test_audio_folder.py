"""Folders of sounds: classes by folder, or by the names of files."""

from pathlib import Path

import pytest

import audio_files
from chainrule.data.sources import audio_folder
from chainrule.system.errors import DataError

SOUND = audio_files.encoded(audio_files.spoken("up", "ada", 0))


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(SOUND)


def test_folders_are_classes_and_parts(tmp_path: Path) -> None:
    put(tmp_path, "train/up/1.wav", "train/down/2.flac", "test/up/3.mp3", "test/down/4.ogg", "test/down/notes.txt")
    rows = audio_folder.read(tmp_path, group_pattern=None)
    assert rows["label"].tolist() == ["down", "down", "up", "down", "up"]
    assert rows["part"].tolist() == ["test", "test", "test", "train", "train"]
    assert rows["problem"].dropna().tolist() == ["not_an_audio_file"]
    assert rows["audio"][0] == SOUND


def test_names_say_label_and_group(tmp_path: Path) -> None:
    put(tmp_path, "a/7_ada_0.wav", "b/8_bob_1.wav", "b/none.wav", ".hidden.wav")
    rows = audio_folder.read(tmp_path, group_pattern=r"^\d+_([a-z]+)_", label_pattern=r"^(\d+)_")
    assert rows["id"].tolist() == ["a/7_ada_0.wav", "b/8_bob_1.wav", "b/none.wav"]
    assert rows["label"].tolist()[:2] == ["7", "8"] and rows["label"].isna().tolist() == [False, False, True]
    assert rows["group"].tolist()[:2] == ["ada", "bob"]
    assert rows["problem"].tolist()[2] == "no_label" and rows["problem"].isna().sum() == 2
    assert rows["part"].isna().all() and rows.attrs["hidden_files"] == 1


def test_lists_say_the_parts_of_named_files(tmp_path: Path) -> None:
    put(tmp_path, "7_ada_0.wav", "8_bob_1.wav")
    (tmp_path / "test.txt").write_text("8_bob_1.wav\n")
    rows = audio_folder.read(tmp_path, group_pattern=None, label_pattern=r"^(\d+)_", parts={"test": "test.txt"})
    parts = dict(zip(rows["id"], rows["part"], strict=True))
    assert parts["8_bob_1.wav"] == "test" and parts["7_ada_0.wav"] != "test"


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no files"):
        audio_folder.read(tmp_path, group_pattern=None, label_pattern="^(.)")
