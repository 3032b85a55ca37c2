"""Names of classes in pictures: in letters that the machine can draw, whole, or as a number."""

from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from chainrule.evaluation import fonts

# Signs for private use: no font of any machine has them.
NOWHERE, OF_OUR_FONT = "\U0010a123", "\U0010a456"


def install(path: Path, name: str, sign: str) -> None:
    """Write a font with one sign, and tell matplotlib of it."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((500, 0), (500, 700), (0, 700)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "sign"])
    builder.setupCharacterMap({ord(sign): "sign"})
    builder.setupGlyf({".notdef": pen.glyph(), "sign": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "sign": (600, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    font_manager.fontManager.addfont(path)


def test_names_are_whole_in_as_many_lines_as_fit_or_a_number() -> None:
    names = ["cat", "hard-leaved pocket orchid", "a name that goes on and on and on and on and on and on for ever"]
    assert fonts.drawn(names) == ["cat", "hard-leaved pocket\norchid", "#3"]
    assert fonts.drawn([*names, "thirty-three letters are too long"], lines=1) == [*names[:2], "#3", "#4"]
    assert fonts.drawn(["soc.religion.christian"]) == ["soc.religion.\nchristian"]
    assert fonts.drawn(["Donaudampfschifffahrtsgesellschaft"]) == ["Donaudampfschifffa\nhrtsgesellschaft"]


def test_many_classes_are_numbers_on_an_axis_and_few_are_names() -> None:
    assert fonts.on_axis(["yes", "no"]) == {0: "yes", 1: "no"}
    many = fonts.on_axis([f"class {number}" for number in range(102)])
    assert many == {0: "#1", **{number - 1: f"#{number}" for number in range(10, 101, 10)}}
    assert fonts.numbered(["yes"] * 102) and not fonts.numbered(["yes", "no"])


@pytest.mark.parametrize(
    "name", ["سلبي", "חיובי", "отрицательный", "αρνητικό", "😀 fun", "e\u0301te\u0301", "a\u200db"]
)
def test_scripts_of_matplotlibs_own_font_are_drawn(name: str) -> None:
    assert fonts.drawn([name]) == [name]
    assert fonts.look([name])["family"] == ["DejaVu Sans"]


def test_a_name_that_no_font_has_is_a_number_never_boxes() -> None:
    assert fonts.drawn(["yes", f"no {NOWHERE}"]) == ["yes", "#2"]
    assert fonts.undrawable(["yes", f"no {NOWHERE}"]) == [f"no {NOWHERE}"]
    assert fonts.numbered(["yes", f"no {NOWHERE}"])


def test_a_font_of_the_machine_that_has_the_letters_is_used(tmp_path: Path) -> None:
    name = f"yes {OF_OUR_FONT}"
    assert fonts.undrawable([name]) == [name]
    install(tmp_path / "one.ttf", "Chainrule Test", OF_OUR_FONT)
    assert fonts.undrawable([name]) == []
    assert fonts.drawn([name]) == [name]
    assert fonts.look([name])["family"] == ["DejaVu Sans", "Chainrule Test"]


def test_east_asian_letters_take_the_room_of_two() -> None:
    assert fonts.inches("评价") == fonts.inches("abcd")
