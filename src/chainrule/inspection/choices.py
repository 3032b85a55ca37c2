"""The base, net, strategy, sizes and epochs that a good first recipe has for some examples on some machine, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.inspection import bases, generation, lengths, masks, questions, scripts, sounds, tagging
from chainrule.inspection.bases import Base, Fit
from chainrule.inspection.examples import Examples
from chainrule.system.errors import DataError

NOTHING = "nothing"
SMALL = 64
"""Images of no more pixels a side are small."""
USUAL_WIDTH = 256
"""Of a net that writes, if the recipe says nothing."""
SIDES = (96, 112, 128, 160, 192, 224)
WIDE = 50_000_000
"""Pixels of an epoch from which on the net from nothing is a narrow one, without a GPU."""
MINUTES = 30.0
"""So long a first training may take by estimate."""
TEXT_SPEED, IMAGE_SPEED = 130e9, 25e9
"""Products and sums a second on a core: of transformers, and of the narrow convolutions of image nets (measured on two
cores with AVX-512 BF16; docs/new.md)."""
FEW = 10_000
"""Rows of a table below which perceptrons that share weights (`tabm`) have the lower validation loss (docs/new.md)."""
GPU_CORES = 200.0
"""So many cores a GPU is counted as."""


@dataclass(frozen=True)
class Machine:
    """What a training has."""

    cores: int
    gpu: bool

    @property
    def speed(self) -> float:
        """As many cores as compute alike."""
        return GPU_CORES if self.gpu else float(self.cores)


@dataclass(frozen=True)
class Plan:
    """Blocks of a recipe, and why they are so."""

    blocks: Mapping[str, Any]
    why: tuple[str, ...]


def this_machine() -> Machine:
    """Return what this machine has."""
    from chainrule.serving.runtime import cores, gpu

    return Machine(cores(), gpu())


def choose(found: Examples, root: Path, asked: str | None, machine: Machine) -> Plan:
    """Return the plan for some examples; asked: the base that the user names, or `nothing`."""
    why: list[str] = []
    if found.modality == "table":
        if asked not in (None, NOTHING):
            raise DataError(f"--base {asked}: tables start from nothing")
        return Plan(_tables(found, why), tuple(why))
    if found.task == "text_generation" and asked in (None, NOTHING):
        return Plan(generation.blocks(found, why), tuple(why))
    if found.task == "translation":
        if asked not in (None, NOTHING):
            raise DataError(f"--base {asked}: it writes no texts; a translation starts from nothing")
        return Plan(_rewriter(found, why), tuple(why))
    if found.modality == "audio":
        if asked not in (None, NOTHING):
            raise DataError(f"--base {asked}: sounds start from nothing")
        return Plan(sounds.blocks(found, why), tuple(why))
    base, fit = _base(found, root, asked, why)
    if found.task == masks.TASK:
        if base is not None and base.origin != "timm":
            why.append(f"not {base.name}: nets of {base.origin} show no maps; a base of timm does")
            base = None
        return Plan(masks.blocks(found, _block(base), base and base.weights, why), tuple(why))
    blocks = _images(found, base, machine, why) if found.modality == "image" else _texts(found, base, fit, machine, why)
    return Plan(blocks, tuple(why))


def _tables(found: Examples, why: list[str]) -> dict[str, Any]:
    trained = found.parts.get("train", found.rows)
    epochs = 40 if trained < 100_000 else 20 if trained < 500_000 else 5
    net = "tabm" if trained < FEW else "mlp"
    why.append(
        f"net: {net} over {found.columns} columns with embeddings of numbers and categories, at most {epochs} epochs "
        f"for {trained:,} rows; the report holds it against linear models and gradient boosting"
    )
    return {
        "clean": {},
        "augment": {},
        "base": _block(None),
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


def _block(base: Base | None) -> dict[str, Any]:
    if base is None:
        return {"from": NOTHING}
    return {"from": base.origin, "name": base.name} | ({"arch": base.arch} if base.origin == "torchvision" else {})


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
            f"strategy: all weights learn, {epochs} epochs for {trained:,} rows of {fit.mean:.0f} tokens; "
            f"about {_minutes(cost * epochs)} on {_said(machine)}"
        )
        tokenizer = {"tokenizer": kept.tokenizer} if kept.tokenizer else {}
        return {
            "clean": clean,
            "augment": {},
            "base": _block(base),
            "net": {"name": "transformers"},
            "pretrain": {"objective": {"name": "none"}, **tokenizer},
            "finetune": {
                "strategy": {"name": "full"},
                **({"epochs": epochs} if epochs != 3 else {}),
                **(tagging.from_base() if found.task == "token_classification" else {}),
            },
        }
    return {"clean": clean, "augment": {}, "base": _block(None), **_text_net(found, trained, kept, why)}


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
    if scripts.solid(found) and kept.longest <= lengths.USUAL:
        why.append(
            "net: a bag of characters and of pairs of neighbours: from nothing, pairs tell more of short texts where "
            f"no blanks part words than a net that has to find them in {trained:,} rows"
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
            },
        }
    why.append(
        "net: text_cnn on word vectors of the texts themselves (skip-gram): from nothing a small net learns more of "
        f"{trained:,} rows than a large one"
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
        "base": _block(None),
        "net": {"name": "encoder_decoder", **({"width": width} if few else {}), "feed_forward": 2 * width, **size},
        "pretrain": {"objective": {"name": "none"}, "tokenizer": {"vocabulary": vocabulary, **size}},
        "finetune": {"strategy": {"name": "full"}, "epochs": epochs, "batch_tokens": 1500 if few else 4000},
    }


# ---- images


def _images(found: Examples, base: Base | None, machine: Machine, why: list[str]) -> dict[str, Any]:
    images = found.images
    assert images is not None
    trained = found.parts.get("train", found.rows)
    normalise: dict[str, Any] = {"mode": "L"} if images.grey else {}
    if images.grey:
        why.append("clean: one grey channel, for no image that was looked at has colours")
    turned = _may_be_mirrored(found)
    if base is None:
        return _image_net(found, trained, normalise, turned, machine, why)
    epochs = 20 if trained < 500 else 10 if trained < 5000 else 5 if trained < 20_000 else 3
    side, minutes = _side(images.shorter, base, trained * epochs, machine)
    small = images.alike and images.shorter < side
    if found.source["kind"] != "idx":  # not every image was looked at
        normalise["size"] = images.shorter if small else side
    why.append(
        f"size: {side} pixels a side for images of {images.shorter}, scaled "
        f"{'inside the net' if small else 'when they are cleaned'}"
    )
    why.append(
        f"strategy: all weights learn, {epochs} epochs for {trained:,} images; "
        f"about {_minutes(minutes)} on {_said(machine)}"
    )
    distort = {"flip": True, "crop": 0.7} if turned else {}
    return {
        "clean": {"normalise": normalise} if normalise else {},
        "augment": {},
        "base": _block(base),
        "net": {"name": base.origin, **({"size": side} if small and side != images.shorter else {})},
        "pretrain": {"objective": {"name": "none"}},
        "finetune": {
            "strategy": {"name": "full"},
            **({"epochs": epochs} if epochs != 10 else {}),
            **({"distort": distort} if distort else {}),
        },
    }


def _side(shorter: int, base: Base, images: int, machine: Machine) -> tuple[int, float]:
    """Return the side in pixels that pays in the time there is, and the minutes that it takes."""
    wanted = 96 if shorter <= 48 else next((side for side in SIDES if side >= shorter), SIDES[-1])
    choices = [side for side in SIDES if side <= wanted] or [SIDES[0]]
    minutes = {side: images * 6 * _products(base, side) / (IMAGE_SPEED * machine.speed) / 60 for side in choices}
    best = max((side for side in choices if minutes[side] <= MINUTES), default=choices[0])
    return best, minutes[best]


def _products(base: Base, side: int) -> float:
    """Return about how many products an image takes: what convolutions take at 224 pixels goes with their weights."""
    return 100.0 * (base.weights or 10_000_000) * (side / 224) ** 2


def _image_net(
    found: Examples, trained: int, normalise: dict[str, Any], turned: bool, machine: Machine, why: list[str]
) -> dict[str, Any]:
    """Return the blocks of images from nothing."""
    images = found.images
    assert images is not None
    side = images.shorter
    if not images.alike or side > SMALL:
        side = 64
        why.append("size: 64 pixels a side, which a net from nothing can learn in the time there is")
    if found.source["kind"] != "idx":
        normalise["size"] = side
    width = 64 if machine.gpu else 32 if trained * side**2 < WIDE else 16
    epochs = 20 if trained < 20_000 else 10
    why.append(
        f"net: resnet9, {width} wide, {epochs} epochs for {trained:,} images: the best small net here from nothing"
    )
    many = trained >= 10_000
    distort: dict[str, Any] = {"flip": True} if turned else {}
    finetune: dict[str, Any] = {"strategy": {"name": "full"}, **({"epochs": epochs} if epochs != 20 else {})}
    if many:
        finetune |= {
            "batch_size": 256,
            "optimizer": "nesterov",
            "learning_rate": 0.2,
            "weight_decay": 0.001,
            "warm_up": 0.3,
        }
        distort |= {"erase": max(4, side // 4)} if turned else {}
    return {
        "clean": {"normalise": normalise} if normalise else {},
        "augment": {"copies": 0} if many else {},
        "base": _block(None),
        "net": {"name": "resnet9", **({"width": width} if width != 64 else {})},
        "pretrain": {"objective": {"name": "none"}},
        "finetune": finetune | ({"distort": distort} if distort else {}),
    }


def _may_be_mirrored(found: Examples) -> bool:
    """Whether an image seen in a mirror is of the same class: not where classes are signs, or sides."""
    labels = [*found.counts]
    signs = sum(len(label) <= 2 or label.isdecimal() for label in labels) * 2 > len(labels)
    sides = any(word in label.lower() for label in labels for word in ("left", "right", "links", "rechts", "左", "右"))
    return bool(labels) and not signs and not sides


def _minutes(minutes: float) -> str:
    return "a minute" if minutes < 1.5 else f"{minutes:.0f} minutes"


def _said(machine: Machine) -> str:
    return "a GPU" if machine.gpu else f"{machine.cores} cores"
