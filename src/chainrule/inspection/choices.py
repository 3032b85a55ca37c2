"""The base, net, strategy, sizes and epochs that a good first recipe has for some examples on some machine, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.inspection import (
    bases,
    boxes,
    generation,
    images,
    lengths,
    masks,
    questions,
    scripts,
    sounds,
    tagging,
    visual,
)
from chainrule.inspection.bases import Base, Fit
from chainrule.inspection.examples import Examples
from chainrule.inspection.interactions import blocks as of_users
from chainrule.inspection.machine import MINUTES, TEXT_SPEED, Machine, called, spoken
from chainrule.system.errors import DataError
from chainrule.system.words import count

NOTHING = "nothing"
USUAL_WIDTH = 256
"""Of a net that writes, if the recipe says nothing."""
FEW = 10_000
"""Rows of a table below which perceptrons that share weights (`tabm`) have the lower validation loss (docs/new.md)."""


@dataclass(frozen=True)
class Plan:
    """Blocks of a recipe, and why they are so."""

    blocks: Mapping[str, Any]
    why: tuple[str, ...]


def choose(found: Examples, root: Path, asked: str | None, machine: Machine) -> Plan:
    """Return the plan for some examples; asked: the base that the user names, or `nothing`."""
    why: list[str] = []
    alone = {
        "audio": (sounds.blocks, "sounds"),
        "interaction": (of_users, "users and items"),
        "table": (_tables, "tables"),
    }
    if found.modality in alone:
        make, what = alone[found.modality]
        if asked not in (None, NOTHING):
            raise DataError(f"--base {asked}: {what} start from nothing")
        return Plan(make(found, why), tuple(why))
    if found.task == "text_generation" and asked in (None, NOTHING):
        return Plan(generation.blocks(found, why), tuple(why))
    if found.task == "word_vectors":
        if asked not in (None, NOTHING):
            raise DataError(f"--base {asked}: vectors of words start from nothing")
        return Plan(generation.vectors(why), tuple(why))
    if found.task == "translation":
        if asked not in (None, NOTHING):
            raise DataError(f"--base {asked}: it writes no texts; a translation starts from nothing")
        return Plan(_rewriter(found, why), tuple(why))
    if found.task == visual.TASK:
        if asked not in (None, NOTHING):
            raise DataError(f"--base {asked}: write it into the recipe, under base, with net.image or net.text its net")
        return Plan(visual.blocks(found, why), tuple(why))
    base, fit = _base(found, root, asked, why)
    if found.task in (boxes.TASK, masks.TASK):
        if base is not None and base.origin != "timm":
            why.append(f"not {base.name}: nets of {base.origin} show no maps; a base of timm does")
            base = None
        kind = boxes if found.task == boxes.TASK else masks
        return Plan(kind.blocks(found, bases.block(base), base and base.weights, why), tuple(why))
    blocks = (
        images.blocks(found, base, machine, why)
        if found.modality == "image"
        else _texts(found, base, fit, machine, why)
    )
    return Plan(blocks, tuple(why))


def _tables(found: Examples, why: list[str]) -> dict[str, Any]:
    trained = found.parts.get("train", found.rows)
    epochs = 40 if trained < 100_000 else 20 if trained < 500_000 else 5
    net = "tabm" if trained < FEW else "mlp"
    why.append(
        f"net: {net} over {count(found.columns, 'column')} with embeddings of numbers and categories, at most "
        f"{epochs} epochs for {count(trained, 'row')}; the report holds it against linear models and gradient boosting"
    )
    return {
        "clean": {},
        "augment": {},
        "base": bases.block(None),
        "net": {"name": net},
        "pretrain": {"objective": {"name": "none"}},
        "finetune": {"strategy": {"name": "full"}, **({"epochs": epochs} if epochs != 40 else {})},
    }


# ---- bases


def _base(found: Examples, root: Path, asked: str | None, why: list[str]) -> tuple[Base | None, Fit | None]:
    """Return the base to start from, if one fits, and how its tokenizer reads the texts; `why` gets a line."""
    if asked == NOTHING:
        why.append("base: nothing, as --base says")
        return None, None
    if asked is not None:
        base = bases.named(root, asked)
        if base.modality != found.modality:
            raise DataError(f"--base {asked}: its weights are of {base.modality}s, the examples of {found.modality}s")
        why.append(f"base: {base.name}, as --base says")
        return base, bases.fit(base, found.texts) if base.modality == "text" else None
    there = [base for base in bases.there(root) if base.modality == found.modality]
    if (
        found.modality == "image"
        and found.images
        and found.images.grey
        and found.images.shorter <= 32
        and found.rows >= 10_000
    ):
        why.append("base: nothing; photographs teach little about many small grey images")
        return None, None
    fits = [(base, fit) for base in there if (fit := _reads(base, found, why)) is not None]
    if not fits:
        why.append(_bring(found))
        return None, None
    base, fit = max(fits, key=lambda each: each[0].weights)
    why.append(f"base: {base.folder.name}, {base.weights / 1e6:.1f} M weights from {base.origin}")
    return base, fit if found.modality == "text" else None


def _reads(base: Base, found: Examples, why: list[str]) -> Fit | None:
    """Return how a base reads the examples; None, with a line, where it does not."""
    if base.modality == "image":
        fitting = base.channels == 3 or bool(found.images and found.images.grey)
        return Fit(0.0, 1.0, 0, 0.0) if fitting else None
    try:
        fit = bases.fit(base, found.texts)
    except DataError as error:
        why.append(f"not {base.folder.name}: {error}")
        return None
    if fit.unknown > bases.UNKNOWN:
        why.append(
            f"not {base.folder.name}: {fit.unknown:.0%} of the tokens are unknown to it, it is of another script"
        )
    elif fit.pieces > bases.PIECES:
        why.append(
            f"not {base.folder.name}: its tokenizer spells, {fit.pieces:.1f} tokens a word; it is of another language"
        )
    else:
        return fit
    return None


def _bring(found: Examples) -> str:
    if found.modality == "image":
        name, place, gain = (
            "timm/tf_efficientnet_lite0.in1k",
            "timm",
            "a few thousand photographs gained 10 to 30 points",
        )
    else:
        chinese = scripts.chinese(found)
        name = "google-bert/bert-base-chinese" if chinese else "sentence-transformers/all-MiniLM-L6-v2"
        place, gain = "huggingface", "some thousand English sentences gained 6 to 12 points"
    place = f"models/{place}/{name.rpartition('/')[2]}"
    return (
        f"base: nothing, for none is here that fits; `hf download {name} --local-dir {place}` brings one: {gain} by it "
        "(docs/bases.md)"
    )


# ---- texts


def _texts(found: Examples, base: Base | None, fit: Fit | None, machine: Machine, why: list[str]) -> dict[str, Any]:
    trained = found.parts.get("train", found.rows)
    html = sum("<br" in text or "</" in text or "&lt;" in text or "#39;" in text for row in found.texts for text in row)
    normalise: dict[str, Any] = {}
    if html > 0.01 * max(len(found.texts), 1):
        normalise["strip_html"] = True
        why.append(
            f"clean: tags and entities are taken out; {html:,} of {len(found.texts):,} texts looked at have some"
        )
    if scripts.solid(found) and scripts.chinese(found):
        normalise["width"] = "letters"
        why.append(
            "clean: letters and digits of double width become ASCII; simplified and traditional stay as they are"
        )
        if scripts.cut_into_words(found):
            normalise["blanks"] = "words"
            why.append("clean: blanks between ideographs are taken out, for the texts are cut into words")
    characters = max(sum(len(each) for row in found.texts for each in row), 1)
    # An ideograph is a token or more; of other scripts about four letters are one.
    a_letter = fit.mean * len(found.texts) / characters if fit is not None else 1.0 if scripts.solid(found) else 0.25
    # Questions are asked of windows of a passage by default, however long it is.
    windowed = found.task == "question_answering"
    kept = lengths.Kept({}, {}, lengths.WINDOW) if windowed else lengths.kept(found, a_letter, why)
    normalise |= kept.normalise
    clean: dict[str, Any] = {"normalise": normalise} if normalise else {}
    if base is not None and fit is not None:
        epochs = (
            10 if trained < 1000 else 5 if trained < 3000 else 3 if trained < 20_000 else 2 if trained < 100_000 else 1
        )
        if found.task == "token_classification":
            epochs = tagging.epochs(trained)
        read = fit.mean if "windows" in kept.tokenizer else min(fit.mean, lengths.NET)
        cost = trained * read * 6 * base.weights / (TEXT_SPEED * machine.speed) / 60
        while epochs > 1 and cost * epochs > MINUTES:
            epochs -= 1
        why.append(
            f"strategy: all weights learn, {count(epochs, 'epoch')} for {count(trained, 'row')} of {fit.mean:.0f} "
            f"tokens; about {spoken(cost * epochs)} on {called(machine)}"
        )
        tokenizer = {"tokenizer": kept.tokenizer} if kept.tokenizer else {}
        return {
            "clean": clean,
            "augment": {},
            "base": bases.block(base),
            "net": {"name": "transformers"},
            "pretrain": {"objective": {"name": "none"}, **tokenizer},
            "finetune": {
                "strategy": {"name": "full"},
                **({"epochs": epochs} if epochs != 3 else {}),
                **(tagging.from_base() if found.task == "token_classification" else {}),
            },
        }
    return {"clean": clean, "augment": {}, "base": bases.block(None), **_text_net(found, trained, kept, why)}


def _text_net(found: Examples, trained: int, kept: lengths.Kept, why: list[str]) -> dict[str, Any]:
    """Return net, pretraining and fine-tuning of texts from nothing."""
    if found.task == "token_classification":
        return tagging.from_nothing(trained, scripts.solid(found), why)
    if found.task == "question_answering":
        return questions.from_nothing(trained, scripts.solid(found), kept.longest, why)
    if found.task == "text_pair_classification":
        why.append("net: a small encoder, which compares two texts; it learns to fill in hidden words first")
        return {
            "net": {"name": "encoder", "layers": 2, **({"max_length": kept.longest} if kept.tokenizer else {})},
            "pretrain": {
                "objective": {"name": "masked_language"},
                "tokenizer": {"vocabulary": 4000},
                "training": {"epochs": 6},
            },
            "finetune": {
                "strategy": {"name": "full"},
                "epochs": 8 if trained < 20_000 else 4,
                "label_smoothing": 0.1,
                "distort": {"drop": 0.1},
            },
        }
    counted = {"naive_bayes": True} if found.task == "text_classification" else {}
    beside = ", and counts of words and of pairs of them beside it" if counted else ""
    if scripts.solid(found) and kept.longest <= lengths.USUAL:
        why.append(
            "net: a bag of characters and of pairs of neighbours: from nothing, pairs tell more of short texts where "
            f"no blanks part words than a net that has to find them in {count(trained, 'row')}{beside}"
        )
        return {
            "net": {"name": "bag"},
            "pretrain": {
                "objective": {"name": "none"},
                **({"tokenizer": kept.tokenizer} if kept.tokenizer else {}),
            },
            "finetune": {
                "strategy": {"name": "full"},
                "epochs": 12 if trained < 20_000 else 6,
                "batch_size": 64,
                "learning_rate": 0.003,
                "distort": {"drop": 0.3},
                **counted,
            },
        }
    why.append(
        "net: text_cnn on word vectors of the texts themselves (skip-gram): from nothing a small net learns more of "
        f"{count(trained, 'row')} than a large one{beside}"
    )
    return {
        "net": {"name": "text_cnn"},
        "pretrain": {
            "objective": {"name": "skip_gram"},
            **({"tokenizer": kept.tokenizer} if kept.tokenizer else {}),
            "training": {"epochs": 6, "learning_rate": 0.01, "weight_decay": 0.0},
        },
        "finetune": {
            "strategy": {"name": "full"},
            # Of long Chinese texts more passes, averaged, had the lower validation loss.
            **({"epochs": 10, "ema": 0.995} if scripts.solid(found) else {}),
            "learning_rate": 0.001,
            "distort": {"drop": 0.2},
            **counted,
        },
    }


def _rewriter(found: Examples, why: list[str]) -> dict[str, Any]:
    """Return the blocks of texts that are written for texts, from nothing."""
    trained = found.parts.get("train", found.rows)
    vocabulary = 4000 if trained < 60_000 else 8000 if trained < 300_000 else 16_000
    few = trained < 10_000
    epochs = 40 if few else 14 if trained < 60_000 else 8
    sizes = sorted(len(text) for (text,) in found.texts) or [100]
    longest = lengths.room(int(sizes[int(0.98 * (len(sizes) - 1))] / (1.0 if scripts.solid(found) else 3.0)))
    width = 128 if few else USUAL_WIDTH
    why.append(
        f"net: encoder_decoder, {width} wide, on {vocabulary:,} byte pairs of both sides; at most {epochs} epochs for "
        f"{trained:,} pairs, which validation rows end; the report holds it against a dictionary word by word"
    )
    size = {"max_length": longest} if longest > lengths.USUAL else {}
    return {
        "clean": {},
        "augment": {},
        "base": bases.block(None),
        "net": {"name": "encoder_decoder", **({"width": width} if few else {}), "feed_forward": 2 * width, **size},
        "pretrain": {"objective": {"name": "none"}, "tokenizer": {"vocabulary": vocabulary, **size}},
        "finetune": {"strategy": {"name": "full"}, "epochs": epochs, "batch_tokens": 1500 if few else 4000},
    }
