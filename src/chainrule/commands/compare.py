"""`chainrule compare`: two models on the same rows."""

import argparse
from pathlib import Path

from chainrule.system.errors import ChainruleError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    what = "a recipe, a registered version (`digits@3`, `digits@champion`), or the folder of a bundle"
    parser.add_argument("first", metavar="A", help=what)
    parser.add_argument("second", metavar="B", help="what it is compared with, of the same task")
    parser.add_argument(
        "--rows",
        type=Path,
        metavar="FILE",
        help="a CSV, TSV, JSON Lines or Parquet file with inputs and target (default: validation rows of A's recipe "
        "that neither trained on)",
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="the file's name of a field; repeatable (default: the field's own name)",
    )
    parser.add_argument("--resamples", type=int, default=1000, help="bootstrap resamples (default: 1000)")
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Compare, write the page and say what was found."""
    import json
    import re
    import tempfile

    from chainrule.comparison import compared, rows, shown, sides
    from chainrule.serving.bundle import input_fields

    root = arguments.root.resolve()
    names = arguments.first, arguments.second
    if arguments.resamples < 100:
        raise ChainruleError(f"--resamples {arguments.resamples}: at least 100, for an interval")
    named = {name: [column] for name, column in map(_pair, arguments.column)}
    with tempfile.TemporaryDirectory(prefix="chainrule-compare-") as scratch:
        one, other = (sides.found(root, name, Path(scratch)) for name in names)
        compared.refuse_strangers(one, other)
        known = rows.of_file(arguments.rows, one, named) if arguments.rows else rows.held_out(root, one, other)
        found = compared.compare(known, one, other, resamples=arguments.resamples, seed=0)
    html = shown.to_html(names, known, [field.name for field in input_fields(one)], found)
    called = "-".join(re.sub(r"[^A-Za-z0-9_.@]+", "_", name).strip("_.") for name in names)
    path = root / "reports" / "compare" / f"{called}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    if arguments.json:
        print(json.dumps({"first": names[0], "second": names[1], **found.numbers, "page": str(path)}, indent=2))
    else:
        print("\n".join([*shown.lines(names, found), f"page: {path}"]))
    return 0


def _pair(given: str) -> tuple[str, str]:
    name, is_pair, column = given.partition("=")
    if not is_pair:
        raise ChainruleError(f"--column {given}: say it as NAME=COLUMN")
    return name, column
