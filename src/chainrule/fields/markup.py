"""HTML in texts: what is a tag or an entity, and what only looks like one."""

import html
import re
from html.entities import html5

_INLINE = "a|abbr|b|big|cite|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strike|strong|sub|sup|tt|u|var"
_BLOCK = (
    "article|aside|blockquote|body|br|center|dd|div|dl|dt|footer|form|h1|h2|h3|h4|h5|h6|head|header|hr|"
    "html|iframe|img|input|label|li|link|main|meta|nav|ol|option|p|pre|section|select|table|tbody|td|"
    "textarea|tfoot|th|thead|title|tr|ul|video|wbr"
)
# Only names that HTML knows, and only attributes with values: "<unk>", "a <b" and "<i think>" are text.
_ATTRIBUTES = r"""(?:\s+[\w:-]+=(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+))*\s*/?>"""
_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}", re.IGNORECASE)
_BLOCK_TAG = re.compile(rf"<(?:!doctype html|/?(?:{_BLOCK})){_ATTRIBUTES}", re.IGNORECASE)
# Without its semicolon an entity counts before a blank only, the five of markup at the end, too: "&copy=2" is part of
# an address. A longer name is none that begins with one: "&notit;" is text.
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31})(;|(?=\s)|\Z)")
_MARKUP = ("amp", "lt", "gt", "quot", "nbsp")
# An entity whose ampersand was lost, as in "Microsoft #39;s"; "ranked #12; next" counts something.
_LAME_ENTITY = re.compile(r"(?<![&\w;])(#39|quot|amp|lt|gt|nbsp|apos|#\d{2,5}(?=;\S));")


def stripped(text: str) -> str:
    """Return a text without tags, its entities unescaped: one layer of markup, which may have hidden another."""
    if "<" in text:
        text = _BLOCK_TAG.sub(" ", _INLINE_TAG.sub("", _HIDDEN.sub(" ", text)))
    if ";" in text:
        text = _LAME_ENTITY.sub(r"&\1;", text)
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    """Return what an entity stands for; what only looks like one stays as it is."""
    name, end = entity.groups()
    if not end and entity.end() == len(entity.string) and name.lower() not in _MARKUP:
        return entity[0]
    if name.startswith("#"):
        return html.unescape(f"&{name};")
    return html5.get(name + end, entity[0])
