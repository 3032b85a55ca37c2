"""params.yaml with other values or one more recipe in it: what is not touched keeps its comments, order and style."""

import difflib
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
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


_BETWEEN = re.compile(r"""(?<=, )(?=(?:[^'"]|'[^']*'|"[^"]*")*$)""")
WIDTH = 116
"""Characters of a line, from the recipe's own indent."""


def added(root: Path, recipe: str, block: Mapping[str, Any], comment: str) -> tuple[str, str]:
    """Return the text of params.yaml below `root`, and what it is with one more recipe at its end.

    Raises ParamsError where there is no such file, or a recipe of that name.
    """
    path = root / PARAMS
    if not path.is_file():
        raise ParamsError(f"{path}: not found; run from the top folder of the project")
    text = path.read_text(encoding="utf-8")
    recipes = (YAML(typ="safe").load(text) or {}).get("recipes") or {}
    if recipe in recipes:
        raise ParamsError(f"{PARAMS}: recipes.{recipe}: there is one of that name; take another, or remove it first")
    indent = re.search(r"^recipes:[^\n]*\n(?:\s*#[^\n]*\n|\s*\n)*( +)", text, re.MULTILINE)
    margin = indent[1] if recipes and indent else "  "
    before = text if recipes else re.sub(r"^recipes:.*$", "recipes:", text, flags=re.MULTILINE)
    lines = [f"# {comment}", *written({recipe: block}).splitlines()]
    new = "\n".join(f"{margin}{line}".rstrip() for line in lines)
    return text, f"{before.rstrip()}\n{chr(10) if recipes else ''}{new}\n"


def written(block: Mapping[str, Any]) -> str:
    """Return a block as YAML: what fits on a line on one, other values each on a line of its own."""
    yaml = YAML()
    yaml.width = 10_000
    yaml.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return "".join(map(_wrapped, _dumped(yaml, _styled(block, 0)).splitlines(keepends=True)))


def _wrapped(line: str) -> str:
    """Return a line, parted between the values of its braces where it is too long."""
    margin = " " * (len(line) - len(line.lstrip()) + 4)
    found, made = "", ""
    for part in _BETWEEN.split(line):
        if len(found) + len(part) > WIDTH and found.strip():
            made, found = f"{made}{found.rstrip()}\n", margin
        found += part
    return made + found


def _styled(value: Any, depth: int) -> Any:
    """Return a value with the style of its blocks: in braces where all of it fits on a line, or is values alone."""
    if isinstance(value, list | tuple):
        listed = CommentedSeq(value)
        listed.fa.set_flow_style()
        return listed
    if not isinstance(value, Mapping):
        return value
    styled = CommentedMap({key: _styled(each, depth + 1) for key, each in value.items()})
    plain = not any(isinstance(each, Mapping | list | tuple) for each in value.values())
    if depth > 1 and (plain or 2 * depth + len(str(dict(value))) + 16 <= WIDTH):
        styled.fa.set_flow_style()
    return styled


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
