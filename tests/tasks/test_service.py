import io
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, ImageCms
from tokenizers import Tokenizer

import shipped
from chainrule.fields import image as image_data
from chainrule.fields import text as text_data
from chainrule.serving.limits import Limits
from chainrule.serving.parts import image as image_parts
from chainrule.system.errors import ChainruleError, DataError
from chainrule.tasks.image_classification import service as images
from chainrule.tasks.text_classification import service as texts
from chainrule.training.inputs import image as image_inputs
from chainrule.training.inputs import text as text_inputs
from chainrule.training.rows import to_inputs

LIMITS = Limits(pixels=1_000_000, characters=10_000)
RULES = {"lowercase": False, "strip_html": True, "min_characters": 3, "max_characters": 2000}


def signature(mode: str = "L", height: int = 8, width: int = 8, max_pixels: int = 10_000) -> dict[str, Any]:
    return {
        "task": "image_classification",
        "target": {"kind": "label", "classes": ["a", "b", "c"]},
        "inputs": [{"name": "image", "type": "UINT8", "shape": ["batch", len(mode), height, width]}],
        "outputs": [{"name": "logits", "type": "FLOAT", "shape": ["batch", 3]}],
        "preprocessing": {"image": {"mode": mode, "height": height, "width": width, "max_pixels": max_pixels}},
    }


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def validation_rows(project: Path, recipe: str) -> pd.DataFrame:
    return pd.read_parquet(shipped.built(project, recipe, "data/split") / "validation.parquet")


# Images


def test_validation_images_become_the_very_inputs_that_training_sees(project: Path) -> None:
    rows = validation_rows(project, "digits")
    facts = image_inputs.fit_facts([image_inputs.held(rows["image"].tolist(), image_data.decode)], None)
    recipe = {"task": "image_classification", "modality": "image"}
    trained = to_inputs(rows, recipe, facts, None).take(torch.arange(len(rows)), None)["image"].numpy()
    rules = image_inputs.preprocessing(facts, {"mode": "L", "size": None, "max_pixels": 10_000_000})
    card = signature() | {"preprocessing": {"image": rules}}
    served = [images.prepare({"image": raw}, card, None, LIMITS)["image"] for raw in rows["image"]]
    assert all(array.dtype == np.uint8 and array.flags.c_contiguous for array in served)
    assert np.concatenate(served).tobytes() == np.ascontiguousarray(trained).tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP"])
@pytest.mark.parametrize("side", [32, 41])
def test_a_raw_image_is_cleaned_as_the_rows_were(mode: Any, kind: str, side: int) -> None:
    raw = encoded(noise(side, 50, 3), kind)
    clean, _ = image_data.normalise(raw, mode=mode, size=32, max_pixels=10_000)
    expected = image_data.decode([clean]).transpose(0, 3, 1, 2)
    found = images.prepare({"image": raw}, signature(mode, 32, 32), None, LIMITS)
    assert list(found) == ["image"]
    assert found["image"].tobytes() == expected.tobytes()


def odd_images() -> dict[str, bytes]:
    """Files that need more than to be unpacked: turned, deep, see-through, moving, in other colours, with a profile."""
    turned = Image.Exif()
    turned[0x0112] = 6
    grey = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50) * 32
    see_through = Image.fromarray(noise(40, 50, 4), "RGBA")
    frames = [Image.fromarray(noise(40, 50, seed=seed)).convert("P") for seed in (1, 2)]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    colours = Image.fromarray(noise(40, 50, 3))
    made: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "turned": (colours, "JPEG", {"exif": turned}),
        "16 bit": (Image.fromarray(grey), "PNG", {}),
        "alpha": (see_through, "PNG", {}),
        "alpha, WebP": (see_through, "WEBP", {"lossless": True}),
        "grey with alpha": (see_through.convert("LA"), "PNG", {}),
        "animated": (frames[0], "GIF", {"save_all": True, "append_images": frames[1:]}),
        "CMYK": (colours.convert("CMYK"), "JPEG", {}),
        "palette": (colours.convert("P"), "PNG", {"transparency": 3}),
        "profile": (colours, "PNG", {"icc_profile": profile}),
        "one bit": (colours.convert("1"), "PNG", {}),
    }
    found = {}
    for name, (picture, kind, options) in made.items():
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        found[name] = buffer.getvalue()
    return found


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_odd_images_are_cleaned_as_the_rows_were(mode: Any) -> None:
    for name, raw in odd_images().items():
        clean, _ = image_data.normalise(raw, mode=mode, size=32, max_pixels=10_000)
        expected = image_data.decode([clean]).transpose(0, 3, 1, 2)
        found = images.prepare({"image": raw}, signature(mode, 32, 32), None, LIMITS)["image"]
        assert found.tobytes() == expected.tobytes(), name
    deep = images.prepare({"image": odd_images()["16 bit"]}, signature("L", 40, 50), None, LIMITS)["image"]
    assert deep[0, 0, -1, -1] == round(1999 * 32 / 257)  # scaled to 8 bit, not cut
    turned = images.prepare({"image": odd_images()["turned"]}, signature("L", 50, 40), None, LIMITS)["image"]
    assert turned.shape == (1, 1, 50, 40)


def test_sides_may_differ() -> None:
    exact = noise(6, 9)
    found = images.prepare({"image": encoded(exact)}, signature("L", 6, 9), None, LIMITS)["image"]
    assert found.shape == (1, 1, 6, 9)
    assert (found[0, 0] == exact).all()
    large = images.prepare({"image": encoded(noise(70, 40, 3))}, signature("RGB", 6, 9), None, LIMITS)["image"]
    assert large.shape == (1, 3, 6, 9)


def bomb() -> bytes:
    """A PNG of 30,000 by 30,000 pixels in a few dozen bytes of header."""
    small = bytearray(encoded(noise(8, 8)))
    small[16:24] = (30_000).to_bytes(4, "big") * 2
    small[29:33] = zlib.crc32(bytes(small[12:29])).to_bytes(4, "big")
    return bytes(small)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not an image that can be read"),
        (b"GIF", "not an image that can be read"),
        (b"%PDF-1.7 something", "send PNG, JPEG, WebP, GIF or BMP"),
        (encoded(noise(4, 4), "TIFF"), "send PNG, JPEG, WebP, GIF or BMP"),
        (encoded(noise(8, 8))[:60], "cannot be read"),
        (b"RIFF\x00\x00\x00\x00WAVE" + bytes(40), "cannot be read: not an image of a known format"),
        (encoded(noise(101, 100)), "at most 10,000"),
        (bomb(), "too many pixels"),
        ("a text", "takes an image, not a text"),
    ],
)
def test_what_is_no_image_is_refused_in_words(content: bytes | str, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        images.prepare({"image": content}, signature(), None, LIMITS)
    assert "\n" not in str(caught.value)
    assert "0x" not in str(caught.value)


def test_the_servers_own_limit_counts_too() -> None:
    with pytest.raises(DataError, match="at most 99"):
        images.prepare({"image": encoded(noise(10, 10))}, signature(), None, Limits(pixels=99, characters=0))


@pytest.mark.parametrize("seed", range(200))
def test_damaged_images_are_refused_or_read_but_never_break(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind = ["PNG", "JPEG", "BMP", "GIF", "WEBP"][seed % 5]
    raw = np.frombuffer(encoded(noise(20, 20, 3, seed=seed), kind), np.uint8).copy()
    raw[rng.integers(4, len(raw), 12)] = rng.integers(0, 256, 12)
    content = raw[: rng.integers(5, len(raw) + 1)].tobytes()
    try:
        found = images.prepare({"image": content}, signature(), None, LIMITS)["image"]
    except DataError:
        return
    assert found.shape == (1, 1, 8, 8)


# Texts


def text_signature() -> dict[str, Any]:
    return {
        "task": "text_classification",
        "target": {"kind": "label", "classes": ["negative", "positive"]},
        "inputs": [{"name": name} for name in ("input_ids", "attention_mask")],
        "outputs": [{"name": "logits", "type": "FLOAT", "shape": ["batch", 2]}],
        "preprocessing": {"text": {"normalise": RULES, "tokenizer": "tokenizer.json", "max_length": 24, "pad_id": 0}},
    }


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    rows = ["the film was dull and long", "a brilliant plot, really naïve!", "not my film & not yours"] * 20
    return text_inputs.fit_facts([rows], {"vocabulary": 200, "max_length": 24})


@pytest.fixture(scope="module")
def tokenizer(facts: dict[str, Any]) -> Tokenizer:
    return Tokenizer.from_str(facts["tokenizer"])


def same_as_training(rows: pd.DataFrame, facts: dict[str, Any], raws: list[Any], card: dict[str, Any]) -> None:
    """Every text, alone, gives the tokens of its row in training's batch; the rest of that row is padding."""
    recipe = {"task": "text_classification", "modality": "text"}
    trained = to_inputs(rows, recipe, facts, None).take(torch.arange(len(rows)), None)
    tokenizer = Tokenizer.from_str(facts["tokenizer"])
    for row, raw in enumerate(raws):
        served = texts.prepare({"text": raw}, card, tokenizer, LIMITS)
        assert set(served) == {"input_ids", "attention_mask"}
        length = served["input_ids"].shape[1]
        for name, fill in (("input_ids", facts["pad_id"]), ("attention_mask", 0)):
            whole = trained[name][row].numpy()
            assert served[name].dtype == whole.dtype
            assert served[name].tobytes() == whole[None, :length].tobytes()
            assert (whole[length:] == fill).all()


def test_validation_texts_become_the_very_inputs_that_training_sees(project: Path) -> None:
    rows = validation_rows(project, "reviews")
    folder = shipped.built(project, "reviews", "models/finetuned")
    facts = text_inputs.load_facts(folder)
    card = text_signature() | {"preprocessing": {"text": text_inputs.preprocessing(facts, RULES)}}
    same_as_training(rows, facts, rows["text"].tolist(), card)


def test_raw_texts_are_cleaned_as_the_rows_were(facts: dict[str, Any]) -> None:
    raws = [b"<p>the film&amp;plot</p>", "  a naïve\u200b \tplot ".encode(), "naïve film".encode("cp1252")]
    raws += [b"the film was long and dull " * 20]
    clean = [text_data.normalise(raw, **RULES)[0] for raw in raws]
    same_as_training(pd.DataFrame({"text": clean}), facts, raws, text_signature())
    same_as_training(pd.DataFrame({"text": clean[:2]}), facts, [raw.decode() for raw in raws[:2]], text_signature())


# Two words of a script that differ by a mark, a vowel sign, a joiner or a letter's case and by nothing else.
MARKED = {
    "Latin, Vietnamese": ("má", "mạ"),
    "Latin, case": ("US", "us"),
    "Greek": ("πότε", "ποτέ"),
    "Cyrillic": ("все", "всё"),
    "Arabic, harakat": ("عَلِم", "عُلِم"),
    "Arabic, Persian joiner": ("می\u200cروم", "میروم"),
    "Hebrew, niqqud": ("שֵׁם", "שָׁם"),
    "Devanagari, vowel signs": ("कि", "की"),
    "Devanagari, virama": ("कर्म", "करम"),
    "Bengali": ("কাল", "কলা"),
    "Tamil": ("பல்", "பால்"),
    "Thai": ("มา", "ม้า"),
    "Hangul": ("곰", "공"),
    "Japanese, dakuten": ("か", "が"),
    "Japanese, small letters": ("びょういん", "びよういん"),
    "Chinese": ("未来", "末来"),
    "Emoji, joiner": ("👩\u200d🚀", "👩🚀"),
}


@pytest.mark.parametrize("words", MARKED.values(), ids=MARKED.keys())
def test_words_that_differ_by_a_mark_differ_in_training_and_service_alike(words: tuple[str, str]) -> None:
    rules = RULES | {"min_characters": 1}
    raws = [word.encode() for word in words]
    clean = [text_data.normalise(raw, **rules)[0] for raw in raws]
    facts = text_inputs.fit_facts([clean * 20], {"vocabulary": 200, "max_length": 24})
    card = text_signature() | {"preprocessing": {"text": text_inputs.preprocessing(facts, rules)}}
    same_as_training(pd.DataFrame({"text": clean}), facts, raws, card)
    (one, other), _ = text_inputs.encode([clean], facts)
    assert one != other
    assert facts["unknown_id"] not in one + other
    # Nothing of the text is lost on the way: the pieces say it again.
    for ids, word in zip((one, other), clean, strict=True):
        pieces = [Tokenizer.from_str(facts["tokenizer"]).id_to_token(number) for number in ids[1:-1]]
        assert "".join(pieces).replace("▁", "") == word


@pytest.mark.parametrize("lowercase", [True, False])
def test_whether_case_counts_is_for_the_recipe_to_say(lowercase: bool) -> None:
    rules = RULES | {"lowercase": lowercase}
    facts = text_inputs.fit_facts(["in the US", "as for us"] * 20, {"vocabulary": 60, "max_length": 24})
    card = text_signature() | {"preprocessing": {"text": text_inputs.preprocessing(facts, rules)}}
    tokenizer = Tokenizer.from_str(facts["tokenizer"])
    upper, lower = (texts.prepare({"text": raw}, card, tokenizer, LIMITS) for raw in ("for US", "for us"))
    assert (upper["input_ids"].tolist() == lower["input_ids"].tolist()) is lowercase


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the text is empty"),
        ("<p> </p>", "the text is empty"),
        ("no", "too short: 2 characters, at least 3"),
        ("x" * 10_001, "at most 10,000 characters"),
        (b"x" * 40_001, "at most 10,000 characters"),
        (b"\x81\x8d\x00\xff", "cannot be read"),
        ("a \ud800 film", "not valid Unicode at character 2"),
        ("<!--" * 2_500, "too much markup"),
        ("&lt;!--" * 1_400, "too much markup"),
    ],
)
def test_what_is_no_text_is_refused_in_words(tokenizer: Tokenizer, content: bytes | str, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        texts.prepare({"text": content}, text_signature(), tokenizer, LIMITS)
    assert "\n" not in str(caught.value)


def test_a_long_text_is_read_as_far_as_cleaning_reads_it(tokenizer: Tokenizer) -> None:
    card = text_signature()
    card["preprocessing"]["text"]["normalise"] = RULES | {"max_characters": 28}
    whole = "the film was dull and long and brilliant"
    kept = texts.prepare({"text": "the film was dull and long"}, card, tokenizer, LIMITS)["input_ids"]
    assert texts.prepare({"text": whole}, card, tokenizer, LIMITS)["input_ids"].tolist() == kept.tolist()
    assert kept.tolist() != texts.prepare({"text": whole}, text_signature(), tokenizer, LIMITS)["input_ids"].tolist()
    card["preprocessing"]["text"]["normalise"]["long"] = "reject"
    with pytest.raises(DataError, match="too long: 40 characters, at most 28"):
        texts.prepare({"text": whole}, card, tokenizer, LIMITS)


def test_a_bundle_without_a_tokenizer_says_so() -> None:
    with pytest.raises(DataError, match="no tokenizer"):
        texts.prepare({"text": "a film"}, text_signature(), None, LIMITS)


# Answers


@pytest.mark.parametrize("service", [images, texts])
def test_an_answer_is_sorted_and_sums_to_one(service: Any) -> None:
    logits = np.array([[1.0, 3.0, 2.0]], np.float32)
    found = service.answer({"logits": logits}, signature())
    assert [each["label"] for each in found["labels"]] == ["b", "c", "a"]
    assert sum(each["probability"] for each in found["labels"]) == pytest.approx(1)
    assert found["labels"][0]["probability"] == pytest.approx(float(np.exp(3) / np.exp([1, 2, 3]).sum()))
    assert set(found) == set(service.schema()["required"])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_large_logits_and_ties_are_no_trouble(kind: type) -> None:
    found = images.answer({"logits": np.array([[-60_000, 60_000, 60_000]], kind)}, signature())
    assert [tuple(each.values()) for each in found["labels"]] == [("b", 0.5), ("c", 0.5), ("a", 0.0)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_the_models_fault_not_the_senders(bad: float) -> None:
    with pytest.raises(ChainruleError, match="not finite") as caught:
        images.answer({"logits": np.array([[0.0, bad, 1.0]], np.float32)}, signature())
    assert not isinstance(caught.value, DataError)


def test_there_is_an_example_of_every_kind_of_file() -> None:
    examples = list(image_parts.examples({}))
    for start in (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF"):
        (example,) = (each for each in examples if each.startswith(start))
        assert images.prepare({"image": example}, signature(), None, LIMITS)["image"].shape == (1, 1, 8, 8)


def test_the_faces_load_nothing_of_the_training_side() -> None:
    program = (
        "import sys, chainrule.tasks.image_classification.service, chainrule.tasks.text_classification.service\n"
        "heavy = {'torch', 'transformers', 'dvc', 'prefect', 'pandas', 'mlflow', 'scipy', 'sklearn', 'pyarrow'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
