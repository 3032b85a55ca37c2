"""Drift: how often rows of the same kind are flagged, and how often rows of another kind are.

What "the same kind" means differs between the two recipes, as it does in life:

- digits: a batch from the same hands. A writer's images are alike, so images of new writers are of another kind: the
  issue of a drift test. Images are therefore dealt at random within the earlier 30 blocks of 45 in file order, and the
  chain trains a model on some of them (params.yaml's recipe, its rows as folders of images by part). Reference are the
  validation rows, fresh rows others that no stage has seen. With one fixed reference all draws share its luck, so the
  rate is measured a second time with reference and fresh rows dealt anew in each draw.
- reviews: other authors from the same grammar, by another seed, ten rows of an author together. Rows of one author are
  alike, and other authors are of the same kind. The reference are the validation rows of the exported model.

Of another kind: the later 10 blocks of the digits; digits turned by a quarter and by 20 degrees; inverted digits;
reviews with every second adjective of the grammar replaced; and, harder, with one of the six subjects replaced.

The level is the one of params.yaml and of the library. Needs models/onnx/reviews and data/split/reviews (`dvc repro`).
"""

import dataclasses
import io
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
import yaml
from PIL import Image

from chainrule.data import cleaning
from chainrule.data.columns import columns
from chainrule.data.sources import digits, reviews
from chainrule.drift import measuring, testing
from chainrule.drift.sample import Sample
from chainrule.recipes.file import recipe_block
from chainrule.system.files import read_rows
from chainrule.system.processes import available_cores
from chainrule.tasks.text_classification import rows as rules

SIZES = (50, 100, 200)
MAIN = ("same hands", "other authors")
"""What is of the same kind in each recipe; the others say how far that holds, at the largest size."""
BLOCK, EARLIER = 45, 30
TRAIN, VALIDATION, TEST = 600, 225, 60
AUTHOR = 10
CHANGED = [
    "crispy", "banging", "sublime", "zesty", "snazzy", "groovy", "nifty", "spiffy", "swell", "ace", "peachy", "dandy",
    "stellar", "epic", "lush", "dreamy", "zippy", "jolly", "perky", "breezy", "cosmic", "funky", "rad", "cushy",
    "grotty", "naff", "dodgy", "manky", "janky", "wonky", "duff", "crummy", "tacky", "scruffy", "grubby", "shabby",
    "icky", "rubbish", "tatty", "soggy", "murky", "drab", "bleak", "dire", "ghastly", "vile", "wretched", "woeful",
]  # fmt: skip
GARDEN = {
    "items": ["greenhouse", "hedge", "orchard", "meadow"],
    "aspects": [
        "soil",
        "fence",
        "lawn",
        "shed",
        "hose",
        "rake",
        "mower",
        "trellis",
        "compost",
        "gravel",
        "pond",
        "gate",
    ],
    "facts": [
        "we planted the {item} {when}",
        "my {person} dug up {number} roots",
        "the {item} borders a {colour} barn",
        "we watered the {item} {when}",
        "{number} sparrows live in the {item}",
    ],
}

_report: Callable[[int], testing.Report]
Draw = Callable[[int, int], tuple[Sample, Sample]]
"""(number of the draw, rows) to (reference, current)."""


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--fresh", type=int, default=200, help="draws of rows of the same kind, of each size")
    parser.add_argument("--drifted", type=int, default=50, help="draws of rows of another kind, of each size")
    parser.add_argument("--keep", action="store_true", help="keep the clone")
    options = parser.parse_args()
    at_start = common.machine()
    figures: dict[str, Any] = {}
    with common.temporary_folder(options.keep) as folder:
        for name, of_recipe in (("digits", digit_draws), ("reviews", review_draws)):
            same, other = of_recipe(folder, options.fresh)
            figures[name] = {
                "same_kind": {
                    what: _rates(name, what, draw, options.fresh, SIZES if what in MAIN else SIZES[-1:])
                    for what, draw in same.items()
                },
                "another_kind": {what: _rates(name, what, draw, options.drifted) for what, draw in other.items()},
            }
    figures["targets"] = _targets(figures)
    settings = {"fresh": options.fresh, "drifted": options.drifted, "alpha": testing.ALPHA}
    common.write_result(options.results, "drift", at_start, settings, figures)


def _targets(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the verdicts: at most 5% where a target is set, and each kind of drift flagged."""
    found = {}
    for recipe, what in (("digits", "same hands"), ("digits", "same hands, dealt anew"), ("reviews", "other authors")):
        for size, rate in figures[recipe]["same_kind"][what].items():
            name = f"{recipe}, {what}, {size} rows, flagged"
            found[name] = common.target(name, rate["flagged"], "<=", 0.05)
    for recipe, what in (
        ("digits", "later writers"),
        ("digits", "turned by 90 degrees"),
        ("digits", "inverted"),
        ("reviews", "half of the adjectives replaced"),
    ):
        name = f"{recipe}, {what}, 200 rows, flagged"
        found[name] = common.target(name, figures[recipe]["another_kind"][what]["200"]["flagged"], ">=", 0.95)
    return found


def _reports(draw: Draw, size: int, draws: int) -> list[testing.Report]:
    """Compare every draw, each core a share of them."""
    global _report

    def compare(number: int) -> testing.Report:
        found = testing.between(*draw(number, size), seed=number)
        return dataclasses.replace(found, points=None, words=None)  # nobody looks at them here

    _report = compare
    # Forked, the workers have the samples already.
    with ProcessPoolExecutor(available_cores(), multiprocessing.get_context("fork")) as pool:
        return list(pool.map(_one, range(draws), chunksize=5))


def _one(number: int) -> testing.Report:
    return _report(number)


def _rates(recipe: str, what: str, draw: Draw, draws: int, sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Return, by number of rows, the share of draws that are flagged with its 95% interval, and by which tests."""
    from scipy.stats import binomtest

    rates = {}
    for size in sizes:
        reports = _reports(draw, size, draws)
        decided = [report for report in reports if not report.undecided]
        flagged = sum(report.flagged for report in decided)
        low, high = binomtest(flagged, max(len(decided), 1)).proportion_ci(method="wilson")
        tests: dict[str, int] = {}
        for report in decided:
            for test in report.tests:
                name = test.name if test.name in test.about else f"{test.name} ({test.about})"
                tests[name] = tests.get(name, 0) + test.flagged
        rates[str(size)] = {
            "flagged": round(flagged / max(len(decided), 1), 4),
            "interval": [round(low, 4), round(high, 4)],
            "draws": len(decided),
            "undecided": draws - len(decided),
            "by_test": {name: count for name, count in sorted(tests.items()) if count},
        }
        print(
            f"{recipe}, {what}, {size} rows: {flagged} of {len(decided)} flagged ({low:.3f} to {high:.3f})", flush=True
        )
    return rates


def part(sample: Sample, places: Sequence[int] | np.ndarray, groups: bool = True) -> Sample:
    """Return the rows of a sample at these places; groups: whether it is told what they belong to."""
    at = np.asarray(places)
    return Sample(
        labels={name: values[at] for name, values in sample.labels.items()},
        numbers={name: values[at] for name, values in sample.numbers.items()},
        vectors={name: values[at] for name, values in sample.vectors.items()},
        words=None if sample.words is None else [sample.words[place] for place in at],
        groups=sample.groups[at] if groups and sample.groups is not None else None,
    )


# ---- digits


def digit_draws(folder: Path, fresh: int) -> tuple[dict[str, Draw], dict[str, Draw]]:
    """Train on a part of the earlier digits; return draws of the same hands and of other kinds."""
    rows = digits.read(common.ROOT / "data" / "sources" / "digits.yaml", block=BLOCK).drop(columns="group")
    earlier, later = rows[: BLOCK * EARLIER], rows[BLOCK * EARLIER :]
    dealt = np.random.default_rng(7).permutation(len(earlier))
    ends = np.cumsum([TRAIN, VALIDATION, TEST])
    parts = dict(zip(("train", "validation", "test"), np.split(dealt, ends)[:3], strict=True))
    unseen = earlier.iloc[np.sort(dealt[ends[-1] :])]
    bundle = _train(folder, {name: earlier.iloc[places] for name, places in parts.items()})
    reference = measuring.rows_sample(bundle, earlier.iloc[np.sort(parts["validation"])])
    samples = {
        "later writers": measuring.rows_sample(bundle, later),
        "turned by 90 degrees": _changed(bundle, unseen, lambda image: image.rotate(90)),
        "turned by 20 degrees": _changed(bundle, unseen, lambda image: image.rotate(20, Image.Resampling.BICUBIC)),
        "inverted": _changed(bundle, unseen, lambda image: image.point(lambda level: 255 - level)),
    }
    pool = measuring.rows_sample(bundle, pd.concat([earlier.iloc[np.sort(parts["validation"])], unseen]))

    def fixed(sample: Sample) -> Draw:
        def draw(number: int, size: int) -> tuple[Sample, Sample]:
            places = np.random.default_rng([1, number]).permutation(len(sample))[:size]
            return reference, part(sample, places)

        return draw

    def anew(number: int, size: int) -> tuple[Sample, Sample]:
        places = np.random.default_rng([2, number]).permutation(len(pool))
        return part(pool, places[:VALIDATION]), part(pool, places[VALIDATION : VALIDATION + size])

    same = {"same hands": fixed(measuring.rows_sample(bundle, unseen)), "same hands, dealt anew": anew}
    return same, {name: fixed(sample) for name, sample in samples.items()}


def _train(folder: Path, parts: dict[str, pd.DataFrame]) -> Path:
    """Run the chain on these rows and return the bundle."""
    images = folder / "images"
    for name, rows in parts.items():
        for number, (image, label) in enumerate(zip(rows["image"], rows["label"], strict=True)):
            path = images / name / label / f"{number:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image)
    root = common.clone(folder / "clone")
    recipe = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))["recipes"]["digits"]
    recipe["source"] = {"kind": "image_folder", "path": str(images), "group_pattern": None}
    common.write_recipes(root, {"digits": recipe})
    common.repro(root, "export@digits", echo=False)
    accuracy = common.read_json(root / "reports" / "digits" / "metrics.json")["test"]["accuracy"]["value"]
    print(f"digits: trained on {TRAIN} rows, accuracy {accuracy:.3f} on {TEST} test rows of the same hands")
    return root / "models" / "onnx" / "digits"


def _changed(bundle: Path, rows: pd.DataFrame, change: Callable[[Image.Image], Image.Image]) -> Sample:
    images = []
    for content in rows["image"]:
        buffer = io.BytesIO()
        change(Image.open(io.BytesIO(content))).save(buffer, "PNG")
        images.append(buffer.getvalue())
    return measuring.rows_sample(bundle, rows.assign(image=images))


# ---- reviews


def review_draws(folder: Path, fresh: int) -> tuple[dict[str, Draw], dict[str, Draw]]:
    """Return draws of other authors' reviews and of reviews from changed grammars."""
    bundle = common.ROOT / "models" / "onnx" / "reviews"
    validation = common.ROOT / "data" / "split" / "reviews" / "validation.parquet"
    if not bundle.is_dir() or not validation.is_file():
        common.stop("needs models/onnx/reviews and data/split/reviews; run `dvc repro`")
    reference = measuring.rows_sample(bundle, read_rows(validation))
    grammar = common.ROOT / "data" / "sources" / "reviews.yaml"
    pool = _written(bundle, grammar, seed=1001, draws=fresh)
    other = {
        "half of the adjectives replaced": _written(bundle, _grammar(folder, _adjectives), seed=1002, draws=50),
        "one subject of six replaced": _written(bundle, _grammar(folder, _subject), seed=1003, draws=50),
    }

    def authors(sample: Sample, groups: bool = True) -> Draw:
        assert sample.groups is not None
        # Cleaning has turned rows away: a draw takes its authors' rows until it has enough.
        starts = list(_starts(sample.groups))

        def draw(number: int, size: int) -> tuple[Sample, Sample]:
            start = starts[number % len(starts)]
            return reference, part(sample, np.arange(start, start + size), groups)

        return draw

    def strangers(number: int, size: int) -> tuple[Sample, Sample]:
        places = np.random.default_rng([3, number]).permutation(len(pool))[:size]
        return reference, part(pool, np.sort(places), groups=False)

    same = {
        "other authors": authors(pool),
        "a row each of many authors, not told whose": strangers,
        "other authors, not told which rows share one": authors(pool, groups=False),
    }
    return same, {name: authors(sample) for name, sample in other.items()}


def _starts(groups: np.ndarray) -> Iterator[int]:
    """Yield where draws of max(SIZES) rows begin: at an author's first row, without overlap."""
    first = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    end = 0
    for place in map(int, first):
        if place >= end and place + max(SIZES) <= len(groups):
            end = place + max(SIZES)
            yield place


def _written(bundle: Path, grammar: Path, seed: int, draws: int) -> Sample:
    """Return reviews for so many draws, cleaned as the recipe cleans them."""
    recipe = recipe_block(common.ROOT, "reviews")
    count = draws * (max(SIZES) + 3 * AUTHOR)
    rows = reviews.read(grammar, seed=seed, labelled=count, unlabelled=0)
    fields = columns("text_classification", "text")
    options = recipe["clean"]["normalise"]
    kept = cleaning.clean(rows, fields, rules, normalise=options, near_duplicates=1.0).kept
    return measuring.rows_sample(bundle, kept[kept["label"].notna()].reset_index(drop=True), most=len(kept))


def _grammar(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write a changed copy of the grammar."""
    content = yaml.safe_load((common.ROOT / "data" / "sources" / "reviews.yaml").read_text(encoding="utf-8"))
    change(content)
    path = folder / f"reviews{change.__name__}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def _adjectives(grammar: dict[str, Any]) -> None:
    new = iter(CHANGED)
    for levels in grammar["words"]["adjectives"].values():
        for words in levels.values():
            words[::2] = [next(new) for _ in words[::2]]


def _subject(grammar: dict[str, Any]) -> None:
    grammar["domains"]["household"] = GARDEN


if __name__ == "__main__":
    main()
