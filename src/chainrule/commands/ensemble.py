"""`chainrule ensemble`: several models that answer as one, in one bundle."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("name", help="of the ensemble: its bundle is models/onnx/NAME")
    parser.add_argument("members", nargs="+", metavar="MEMBER", help="recipes whose bundles are in models/onnx")
    parser.add_argument(
        "--weights",
        choices=("mean", "stacked"),
        default="mean",
        help="all members weigh the same, or as suits validation rows best (default: mean)",
    )
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Build the ensemble and say how it compares with each member; DataError for members that cannot answer as one."""
    from chainrule.ensembles import building, members
    from chainrule.recipes import check

    root, name = arguments.root.resolve(), arguments.name
    building.refuse_name(root, name, set(check.recipes(root)))
    ensemble = members.read(root, arguments.members)
    report = building.build(root, name, ensemble, arguments.weights == "stacked", lambda line: print(line, flush=True))
    for line in building.in_words(report):
        print(line)
    print(f"bundle: models/onnx/{name}; `chainrule serve` serves it, and reports/{name}/ensemble.json has the numbers")
    return 0
