"""What files of masks say: which level or colour of a pixel is which class, told by a recipe or found."""

import io
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from chainrule.fields.image import FORMATS
from chainrule.fields.mask import IGNORED, MOST, palette
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

MOST_PIXELS = 100_000_000
"""Of a mask, checked before it is unpacked."""
FOUND = 64
"""Levels or colours up to which each is taken for a class of its own if nothing says what they are."""
BINARY = ("background", "foreground")
"""The classes of masks of two levels, the lower first."""
TABLE = re.compile(r"(class|label|colou?r|codes|palette)", re.IGNORECASE)
"""How files are called that name classes or colours; of those that end in .txt or .csv."""
_TABLE_ENDINGS = (".txt", ".csv")


class Meaning(NamedTuple):
    """What levels of masks mean: the names of classes and their colours in order, and the place of each level.

    by_colour: levels are colours, red · 65,536 + green · 256 + blue. ignored: levels of no class.
    """

    classes: tuple[str, ...]
    colours: tuple[str, ...]
    place_of: Mapping[int, int]
    ignored: frozenset[int]
    by_colour: bool


class Levels(NamedTuple):
    """The levels of a mask int64 [H, W], whether they are colours, and the palette of a file: its colours by level."""

    levels: np.ndarray
    coloured: bool
    palette: Mapping[int, str]


def levels(content: bytes) -> Levels:
    """Return the levels of a mask's file: places of a palette, shades of grey, or colours.

    What can be seen through is as opaque as the rest. Raises Reject: unreadable_mask, too_many_pixels_in_mask,
    animated_mask.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
            if image.width * image.height > MOST_PIXELS:
                raise Reject("too_many_pixels_in_mask", f"{image.width} by {image.height}, at most {MOST_PIXELS:,}")
            if getattr(image, "n_frames", 1) > 1:
                raise Reject("animated_mask", f"{image.n_frames} frames or pages")  # type: ignore[attr-defined]
            image.load()
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise Reject("unreadable_mask", "not an image that can be read") from error
    if image.mode == "P":
        raw = (image.getpalette("RGB") or [])[: 3 * 256]
        colours = {at // 3: "#{:02x}{:02x}{:02x}".format(*raw[at : at + 3]) for at in range(0, len(raw) - 2, 3)}
        return Levels(np.asarray(image).astype(np.int64), False, colours)
    if image.mode in ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L"):
        pixels = np.asarray(image.convert("L") if image.mode in ("1", "LA") else image).astype(np.int64)
        return Levels(pixels, False, {})
    pixels = np.asarray(image.convert("RGB")).astype(np.int64)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    if (red == green).all() and (green == blue).all():
        return Levels(red, False, {})
    return Levels((red << 16) + (green << 8) + blue, True, {})


def named_colour(colour: str) -> int:
    """Return a colour "#rrggbb" as a level."""
    return int(colour.lstrip("#"), 16)


def _hex(level: int) -> str:
    return f"#{level:06x}"


def read_table(text: str) -> dict[str, str] | list[str]:
    """Return the colour of each class, "#rrggbb", of a text with a name and three levels a line; names alone a list.

    Lines as CamVid's (`64 128 64 Animal`), CVAT's (`road:128,64,128::`) and of CSV with a head are read; blank lines
    and those that begin with # are not. Nothing where a line is none of these.
    """
    colours: dict[str, str] = {}
    names: list[str] = []
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in lines:
        numbers = re.findall(r"(?<![\w.])\d{1,3}(?![\w.])", line)
        name = re.sub(r"(?<![\w.])\d{1,3}(?![\w.])", " ", line)
        name = " ".join(re.sub(r"[,;:|\t\"]+", " ", name).split())
        if len(numbers) >= 3 and name and all(int(number) < 256 for number in numbers[-3:]):
            colours[name] = "#{:02x}{:02x}{:02x}".format(*map(int, numbers[-3:]))
        elif (
            not numbers
            and name
            and not re.fullmatch(r"(?i)(name|class|label|r|g|b|red|green|blue|colou?r|\s|_)+", name)
        ):
            names.append(line)
    if colours and not names:
        return colours
    return names if names and not colours else {}


def found_table(files: Mapping[str, bytes]) -> tuple[str, dict[str, str] | list[str]] | None:
    """Return the first file that names classes, and what it says; files: content by name."""
    for name, content in sorted(files.items()):
        said = read_table(content.decode("utf-8", "replace"))
        if said:
            return name, said
    return None


def is_table(name: str) -> bool:
    """Whether a file may name classes or colours, by its own name."""
    return name.lower().endswith(_TABLE_ENDINGS) and bool(TABLE.search(name))


def meaning(
    seen: Iterable[Levels],
    *,
    classes: Mapping[int, str] | Sequence[str] | None,
    colours: Mapping[str, str] | None,
    ignore: Sequence[int | str] | None,
    section: str,
) -> Meaning:
    """Return what the levels of masks mean: as the recipe says it, else by what levels there are in all of them.

    classes: names by level, or of the levels 0, 1, … (of two classes also 0 and 255); colours: of each class; ignore:
    levels or colours of no class; None: 255, unless masks have no more than one other level. Without classes and
    colours a level is its own name, two levels are background and foreground. Masks unlike most others (coloured among
    grey ones, or of more levels than FOUND) say nothing; `places` refuses them. Raises DataError, with the key of
    `section` that mends it, where most have more levels than classes can be.
    """
    ignored = frozenset(named_colour(each) if isinstance(each, str) else each for each in ignore or ())
    if colours:
        names = tuple(colours)
        if classes and not isinstance(classes, Mapping):
            names = tuple(classes)
        place_of = {named_colour(colours[name]): place for place, name in enumerate(names)}
        return Meaning(names, tuple(colours[name].lower() for name in names), place_of, ignored, True)
    met, coloured, shades = _met(seen, bool(classes), section)
    met = [level for level in met if level not in ignored]
    if coloured:
        if classes:
            raise DataError(f"{section}.classes: masks are coloured; {section}.colours names the colour of each class")
        if len(met) > FOUND:
            raise DataError(_too_many(len(met), section))
        names = tuple(_hex(level) for level in met)
        return Meaning(names, names, {level: place for place, level in enumerate(met)}, ignored, True)
    if isinstance(classes, Mapping):
        levels_of = list(classes)
        names = tuple(classes[level] for level in levels_of)
    elif classes:
        names = tuple(classes)
        whole = len(names) == 2 and set(met) <= {0, 255}
        levels_of = [0, 255] if whole else list(range(len(names)))
    else:
        if ignore is None and IGNORED in met and len(met) > 2:
            met.remove(IGNORED)
        if len(met) > FOUND:
            raise DataError(_too_many(len(met), section))
        levels_of = met
        names = BINARY if met in ([0, 255], [0, 1]) else tuple(map(str, met))
    if ignore is None and IGNORED not in levels_of:
        ignored = frozenset({IGNORED})
    drawn = palette(len(names))
    own_colours = tuple(shades.get(level, drawn[place]) for place, level in enumerate(levels_of))
    return Meaning(names, own_colours, {level: place for place, level in enumerate(levels_of)}, ignored, False)


def _met(seen: Iterable[Levels], named: bool, section: str) -> tuple[list[int], bool, dict[int, str]]:
    """Return the levels of masks in order, whether they are colours, and the palette of all.

    named: a recipe says what they are. Grey masks of more than black and white, where most are such, are no colours.
    """
    grey, colours, shades = Counter[int](), Counter[int](), dict[int, str]()
    masks = Counter[str]()
    most = 0
    for each in seen:
        own = np.unique(each.levels).tolist()
        if len(own) > FOUND and not named:
            masks["of many"] += 1
            most = max(most, len(own))
            continue
        masks["coloured" if each.coloured else "grey"] += 1
        (colours if each.coloured else grey).update(own)
        shades |= each.palette
    if masks["of many"] > masks["coloured"] + masks["grey"]:
        raise DataError(_too_many(most, section))
    if masks["coloured"] and (masks["coloured"] >= masks["grey"] or not (named or set(grey) - {0, 255})):
        return sorted({*colours, *(level * 0x010101 for level in grey)}), True, shades
    return sorted(grey), False, shades


def _too_many(number: int, section: str) -> str:
    return (
        f"masks have {number:,} different levels or colours, more than {FOUND}: a photograph, or a mask that was saved "
        f"as JPEG; where they are classes, {section}.classes or {section}.colours names them"
    )


def places(found: Levels, told: Meaning) -> np.ndarray:
    """Return the places uint8 [H, W] of the classes of a mask's levels; IGNORED of no class.

    Raises Reject: colours_of_no_class, levels_of_no_class.
    """
    wanted = found.levels
    if told.by_colour and not found.coloured:  # a mask of black alone
        wanted = (wanted << 16) + (wanted << 8) + wanted
    if not told.by_colour and found.coloured:
        raise Reject("colours_of_no_class", "the mask is coloured, others are not")
    own, inverse, counts = np.unique(wanted, return_inverse=True, return_counts=True)
    to = np.full(len(own), IGNORED, np.uint8)
    strange = []
    for at, level in enumerate(own.tolist()):
        if level in told.place_of:
            to[at] = told.place_of[level]
        elif level not in told.ignored:
            strange.append((int(counts[at]), level))
    if strange:
        what = "colours" if told.by_colour else "levels"
        named = ", ".join(
            f"{_hex(level) if told.by_colour else level} ({count:,} pixels)"
            for count, level in sorted(strange)[::-1][:3]
        )
        more = f" and {len(strange) - 3:,} more" if len(strange) > 3 else ""
        raise Reject(f"{what}_of_no_class", f"{named}{more}")
    return to[inverse].reshape(wanted.shape)


def facts(told: Meaning) -> dict[str, Any]:
    """Return what was found, as a message says it: levels or colours by class."""
    by_place = {place: level for level, place in told.place_of.items()}
    return {
        name: _hex(by_place[place]) if told.by_colour else by_place[place] for place, name in enumerate(told.classes)
    }


def refuse_many(classes: Sequence[str]) -> None:
    """Raise DataError for more classes than a mask can have."""
    if len(classes) > MOST:
        raise DataError(f"{len(classes):,} classes; a mask can have {MOST}")
