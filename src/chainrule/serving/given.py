"""What a plain request brings: the parts of an item by field, as its Content-Type says."""

import difflib
import encodings
import functools
import json
import pkgutil
from collections.abc import Sequence
from email.message import Message
from email.utils import collapse_rfc2231_value
from encodings.aliases import aliases
from typing import Any, NamedTuple

from chainrule.serving import parsing
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.system import plugins
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

IMAGE, AUDIO, FILE, TEXT, JSON = "image", "audio", "file", "text/plain", "application/json"
_UTF8 = "utf-8"
# Python's own, and no charset of anybody's: some take minutes for what is sent in a second.
_NO_CHARSETS = {"aliases", "idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"}


_SENT = {
    IMAGE: (("image",), "an image"),
    AUDIO: (("audio",), "a sound"),
    FILE: (("image", "audio"), "a file"),
    TEXT: (("text",), "a text"),
}


class Kind(NamedTuple):
    """What a Content-Type says of a body."""

    name: str
    """IMAGE, AUDIO, FILE (one or the other), TEXT or JSON."""
    charset: str
    """How the characters of a text or of JSON are written; a name that Python knows, of a charset or not."""


def kind_of(content_type: str) -> Kind:
    """Return what a Content-Type says. Raises Refusal (415) for no image, sound or text, or no known charset.

    The first bytes of an image or a sound say of which format it is, not the header.
    """
    name = content_type.partition(";")[0].strip().lower()
    if name == "application/octet-stream":
        return Kind(FILE, _UTF8)
    for file in (IMAGE, AUDIO):
        if name.startswith(f"{file}/"):
            return Kind(file, _UTF8)
    if name not in (TEXT, JSON):
        message = "send an image or a sound (Content-Type image/... or audio/...), text/plain, or application/json"
        raise Refusal(415, message, "content_type")
    return Kind(name, charset_of(content_type))


def charset_of(content_type: str) -> str:
    """Return the charset that a Content-Type names, else UTF-8. Raises Refusal (415) for one that is not known."""
    if ";" not in content_type:
        return _UTF8
    header = Message()
    header["content-type"] = content_type
    charset = collapse_rfc2231_value(header.get_param("charset", _UTF8)).lower()
    # Python looks for a module of any name that it is asked for, and remembers each that there is none of.
    if encodings.normalize_encoding(charset) not in _charsets():
        raise _unknown(charset)
    return charset


def parts_of(body: bytes, kind: Kind, fields: Sequence[Field], limits: Limits) -> dict[str, Any]:
    """Return what a body holds for each input field: the bytes of an image or audio file, a text, or a row.

    A row may be all there is in JSON. A body that is not JSON will do where there is one field, or one of its kind and
    all are optional. Raises Refusal (400, 413, 415).
    """
    if kind.name == JSON:
        return of_json(content_of(body, kind, limits), fields)
    sent, words = _SENT[kind.name]
    if all(field.optional for field in fields):  # a body is one of them, and the others are missing
        fields = [field for field in fields if field.kind in sent] or fields
    if len(fields) != 1:
        raise Refusal(400, f"{_takes(fields)}: send JSON, {_shape(fields)}", "content")
    (field,) = fields
    if field.kind not in sent:
        remedies = {"image": "", "audio": "", "text": f": send text/plain, or {_shape(fields)}"}
        remedy = remedies.get(field.kind, f": send JSON, {_shape(fields)}")
        raise Refusal(400, f"this model takes {_kind(field).WORDS}, not {words}{remedy}", "content")
    return {field.name: _decoded(body, kind.charset) if kind.name == TEXT else body}


def content_of(body: bytes, kind: Kind, limits: Limits) -> dict[str, Any]:
    """Return the object that a body of JSON holds. Raises Refusal (400, 413, 415)."""
    utf8 = body if kind.charset == _UTF8 else _decoded(body, kind.charset).encode("utf-8", "surrogatepass")
    return parsing.parse(utf8, limits)


def of_json(content: dict[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """Return what an object holds for each input field; not of an optional one without any. Raises Refusal (400)."""
    if len(fields) == 1 and hasattr(_kind(fields[0]), "bare") and _kind(fields[0]).bare(content, fields[0].name):
        content = {fields[0].name: content}
    known = [field.name for field in fields]
    for name in content:
        if name not in known:
            near = difflib.get_close_matches(name[:100], known, 1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise Refusal(400, f"{_takes(fields)} and has no field {name!r:.100}{meant}", "json")
    parts = {}
    for field in fields:
        if field.optional and content.get(field.name) in (None, ""):
            continue
        if field.name not in content:
            raise Refusal(400, f"the field {field.name!r} is missing: the JSON must be {_shape(fields)}", "json")
        try:
            parts[field.name] = _kind(field).of_json(content[field.name])
        except DataError as error:
            raise Refusal(400, f"the field {field.name!r} must be {error}: {_shape(fields)}", "json") from None
    return parts


def _kind(field: Field) -> Any:
    return plugins.load("serving.parts", field.kind)


def _takes(fields: Sequence[Field]) -> str:
    return f"this model takes {' and '.join(f'{_kind(field).WORDS} as {field.name!r}' for field in fields)}"


def _shape(fields: Sequence[Field]) -> str:
    """Return the JSON that a model takes, in short."""
    return json.dumps({field.name: getattr(_kind(field), "SHAPE", "...") for field in fields})


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset)
    except UnicodeError:
        message = f"the text is not {charset.upper()}; a Content-Type may name another charset"
        raise Refusal(400, message, "text") from None
    except LookupError:  # base64 and such: known, but not of texts
        raise _unknown(charset) from None


def _unknown(charset: str) -> Refusal:
    return Refusal(415, f"the charset {charset!r:.60} is not known here; send UTF-8", "charset")


@functools.cache
def _charsets() -> frozenset[str]:
    """Return the names that Python may know a charset by, as `normalize_encoding` writes them."""
    modules = {module.name for module in pkgutil.iter_modules(encodings.__path__)}
    return frozenset({*aliases, *modules} - _NO_CHARSETS)
