"""An annotation of Pascal VOC: an XML file with the boxes over one image.

Everingham et al. 2010, https://doi.org/10.1007/s11263-009-0275-4; LabelImg and many others write it. Read by expat, and
a file that declares a document type is refused: no entity is ever expanded.
"""

from collections.abc import Sequence
from typing import NoReturn
from xml.parsers import expat

from chainrule.data.formats import boxes
from chainrule.fields.reject import Reject

DEEPEST, MOST = 16, 100_000
"""Elements that stand in each other, and of a file."""


class Element:
    """An XML element: its name, its text and what stands in it."""

    def __init__(self, name: str) -> None:
        self.name, self.text = name, ""
        self.inside: list[Element] = []

    def first(self, name: str) -> "Element | None":
        """Return the first element of that name that stands in it directly."""
        return next((each for each in self.inside if each.name == name), None)

    def said(self, name: str) -> str:
        """Return the text of such an element, without blanks around it; "" where there is none."""
        found = self.first(name)
        return "" if found is None else found.text.strip()


def parsed(content: bytes) -> Element:
    """Return the outermost element of an XML file.

    Raises Reject: unreadable_annotation, annotation_too_large, declared_annotation (it declares a document type, which
    may be meant to fill the memory or to read other files).
    """
    if len(content) > boxes.MOST_BYTES:
        raise Reject("annotation_too_large", f"{len(content):,} bytes, at most {boxes.MOST_BYTES:,}")
    parser = expat.ParserCreate()
    stack, count = [Element("")], 0

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(stack) > DEEPEST or count > MOST:
            raise Reject("annotation_too_large", f"over {DEEPEST} levels or {MOST:,} elements")
        element = Element(name)
        stack[-1].inside.append(element)
        stack.append(element)

    def text(found: str) -> None:
        stack[-1].text += found

    def declared(*_: object) -> NoReturn:
        raise Reject("declared_annotation", "it declares a document type")

    parser.StartElementHandler, parser.CharacterDataHandler = start, text
    parser.EndElementHandler = lambda _: stack.pop()
    parser.StartDoctypeDeclHandler = declared
    parser.buffer_text = True
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Reject("unreadable_annotation", f"no XML: {' '.join(str(error).split())[:80]}") from error
    return stack[0].inside[0]


def told(content: bytes, classes: Sequence[str] | None) -> boxes.Told:
    """Return the boxes of an annotation, corners as they are written; Reject where they cannot be used.

    classes: those that there may be; None: any.
    """
    try:
        root = parsed(content)
        size = root.first("size")
        sides = [float(size.said(name) or 0) for name in ("width", "height")] if size is not None else [0.0, 0.0]
        found = [_box(each) for each in root.inside if each.name == "object"]
    except Reject as reject:
        return reject
    except ValueError as error:
        return Reject("unreadable_annotation", str(error)[:80])
    for box in found:
        if (wrong := boxes.unknown(str(box[4]), classes)) is not None:
            return wrong
    return boxes.written(sides if all(sides) else None, found)


def _box(found: Element) -> list[object]:
    place = found.first("bndbox")
    if place is None or not found.said("name"):
        raise ValueError("an object has no name, or no bndbox")
    corners = [float(place.said(name)) for name in ("xmin", "ymin", "xmax", "ymax")]
    return [*corners, found.said("name"), *(["difficult"] if found.said("difficult") == "1" else [])]
