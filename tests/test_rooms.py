"""Where things are: files short enough to read, and names that nobody takes for one another."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 450
KINDS = {path.stem for path in (ROOT / "src" / "chainrule" / "fields").glob("*.py")}
"""What recipes call kinds of values, wherever a file is named by one: `label` and `labels` are two of them."""


TOPS = [ROOT / "src" / "chainrule", ROOT / "pipelines", ROOT / "deploy"]
FOLDERS = [path for top in TOPS for path in (top, *top.rglob("*")) if path.is_dir() and path.name != "__pycache__"]


def modules(folder: Path) -> list[str]:
    """Return the names of a folder's modules and of the folders in it."""
    found = [path for path in folder.iterdir() if path.suffix == ".py" or path in FOLDERS]
    return sorted(path.stem for path in found if path.stem != "__init__")


def stem(name: str) -> str:
    """Return what a word has in common with those that are made of it: track for tracking, tracker and tracks."""
    word = re.sub(r"(ings?|ers?|ed|ions?|es|s|e)$", "", name)
    return re.sub(r"(.)\1$", r"\1", word)


def test_stems() -> None:
    families = ("tracking tracker tracks", "runs runner", "schedule schedules", "drift drifting")
    for words in (family.split() for family in families):
        assert len({stem(word) for word in words}) == 1, words
    assert stem("training") != stem("retraining")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_no_two_rooms_share_a_stem(folder: Path) -> None:
    alike = defaultdict(list)
    for name in modules(folder):
        alike[stem(name)].append(name)
    assert [names for names in alike.values() if len(names) > 1 and not set(names) <= KINDS] == []


@pytest.mark.parametrize("suffix", ["py", "js", "css", "html"])
def test_a_file_is_read_in_a_sitting(suffix: str) -> None:
    found = [path for folder in FOLDERS for path in folder.glob(f"*.{suffix}")]
    assert found
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in found}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
