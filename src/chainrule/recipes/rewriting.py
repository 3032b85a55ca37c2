"""params.yaml with other values in it: comments, order and style of what is not touched stay as they are."""

import difflib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.util import load_yaml_guess_indent

from chainrule.recipes.file import PARAMS, given_block
from chainrule.system.errors import ParamsError


def rewritten(root: Path, recipe: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """Return the text of params.yaml below `root`, and what it is with values set at dotted keys of a recipe."""
    given_block(root, recipe)  # there is such a recipe
    text = (root / PARAMS).read_text(encoding="utf-8")
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    _, indent, offset = load_yaml_guess_indent(text)
    yaml.indent(mapping=indent or 2, sequence=indent or 2, offset=offset or 0)
    yaml.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    content = yaml.load(text)
    plain = _dumped(yaml, content)
    for key, value in values.items():
        _set(content["recipes"][recipe], key.split("."), value)
    return text, _carried(text, plain, _dumped(yaml, content))


def _dumped(yaml: YAML, content: Any) -> str:
    out = io.StringIO()
    yaml.dump(content, out)
    return out.getvalue()


def _carried(text: str, plain: str, changed: str) -> str:
    """Return the text with what differs between what ruamel makes of it without and with the changes.

    ruamel lays some lines out anew, such as long blocks in braces; where such a line is changed itself, it does.
    """
    ours, theirs, wanted = (each.splitlines(keepends=True) for each in (text, plain, changed))
    place = {len(theirs): len(ours)}
    for here, there, size in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks():
        place |= {there + step: here + step for step in range(size)}
    made: list[str] = []
    done = 0
    for kind, start, end, first, last in difflib.SequenceMatcher(None, theirs, wanted, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        if any(line not in place for line in range(start, max(end, start + 1))):
            return changed
        made += [*ours[done : place[start]], *wanted[first:last]]
        done = place[end - 1] + 1 if end > start else place[start]
    return "".join([*made, *ours[done:]])


def _set(block: Any, keys: list[str], value: Any) -> None:
    *above, last = keys
    for name in above:
        if not isinstance(block.get(name), dict):
            _put(block, name, CommentedMap())
        block = block[name]
    _put(block, last, value)


def _put(block: Any, key: str, value: Any) -> None:
    """Set a key; a new one goes before the last, to which ruamel ties the comments and empty lines behind the block."""
    if key in block or not block or not isinstance(block, CommentedMap):
        block[key] = value
    else:
        block.insert(len(block) - 1, key, value)


def difference(before: str, after: str) -> str:
    """Return what changes in params.yaml as a unified diff; empty where nothing does."""
    ours, theirs = (text.splitlines(keepends=True) for text in (before, after))
    return "".join(difflib.unified_diff(ours, theirs, f"a/{PARAMS}", f"b/{PARAMS}", n=2))


def write(root: Path, before: str, after: str) -> None:
    """Replace params.yaml in one step; ParamsError where it is no longer what it was."""
    path = root / PARAMS
    if path.read_text(encoding="utf-8") != before:
        raise ParamsError(f"{path}: was changed meanwhile; nothing is written, run it again")
    fresh = path.with_name(f".{PARAMS}.new")
    fresh.write_text(after, encoding="utf-8")
    os.replace(fresh, path)
