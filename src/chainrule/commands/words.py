"""`chainrule words`: the nearest neighbours of a word, or of a sum of words, by the vectors that a recipe learnt."""

import argparse
import json
from pathlib import Path

from chainrule.system.errors import DataError, ParamsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe on texts that was pretrained, best by skip_gram")
    parser.add_argument("sum", metavar="WORDS", help="a word, or a sum such as 'king - man + woman'")
    parser.add_argument("--count", type=int, default=10, help="how many neighbours (default: 10)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Print the neighbours, the nearest first, each with the cosine.

    Raises ParamsError for a recipe that is none on texts, for what is no sum, and for words without a vector; DataError
    where nothing was pretrained.
    """
    from chainrule.evaluation import neighbours
    from chainrule.recipes.file import recipe_block
    from chainrule.training import vectors

    if not 1 <= arguments.count <= 1000:
        raise ParamsError(f"--count {arguments.count}: from 1 to 1,000")
    block = recipe_block(arguments.root, arguments.recipe)
    if block["modality"] != "text":
        raise ParamsError(f"{arguments.recipe} is a recipe on {block['modality']}s; words have vectors in one on texts")
    folder = arguments.root / "models" / "pretrained" / arguments.recipe
    if not folder.is_dir():
        raise DataError(f"{folder} is not there; run: dvc repro pretrain@{arguments.recipe}")
    asked = neighbours.terms(arguments.sum)
    words, table = vectors.of(folder, block)
    found = neighbours.nearest(words, table, asked, arguments.count)
    if arguments.json:
        named = [{"word": word, "cosine": round(cosine, 4)} for word, cosine in found]
        print(json.dumps({"sum": arguments.sum, "neighbours": named}, ensure_ascii=False))
    else:
        print("\n".join(f"{cosine:6.3f}  {word}" for word, cosine in found))
    return 0
