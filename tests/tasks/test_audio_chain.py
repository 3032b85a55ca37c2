"""Sounds through the chain: from files with names that say label and speaker to a served answer above its floor."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import audio_files
import chain_project
import live_server

NAME = "words"
BLOCK: dict[str, Any] = {
    "task": "audio_classification",
    "modality": "audio",
    "target": "label",
    "seed": 5,  # one speaker is tested, and one is for validation
    "source": {
        "kind": "audio_folder",
        "path": "data/mine",
        "label_pattern": "^([a-z]+)_",
        "group_pattern": "^[a-z]+_([a-z]+)_",
    },
    "incoming": {"kind": "audio_folder"},
    "clean": {"normalise": {"rate": 8000}},
    "split": {"tolerance": 1.0},
    "augment": {"copies": 1},
    "base": {"from": "nothing"},
    "net": {"name": "cnn", "width": 8, "depth": 3, "dropout": 0.0},
    "pretrain": {"objective": {"name": "none"}, "tokenizer": {"seconds": 0.5, "bands": 32, "colour": 0.5}},
    "finetune": {
        "strategy": {"name": "full"},
        "epochs": 12,
        "batch_size": 16,
        "learning_rate": 0.01,
        "precision": "fp32",
    },
    "evaluate": {
        "resamples": 100,
        "examine": {
            "rows": 40,
            "explained": 1,
            "explain_runs": 16,
            "explain_steps": 4,
            "passes": 2,
            "surface_steps": 2,
            "surface_rows": 10,
            "robustness": {"rows": 10, "severities": [3], "steps": 2},
        },
    },
    "export": {},
    "retrain": {},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that the chain was run in: 6 speakers say three words; beside them what is no sound."""
    root = tmp_path_factory.mktemp(NAME)
    mine = root / "data" / "mine"
    audio_files.write(mine, each=6)
    whole = audio_files.encoded(audio_files.spoken("up", "ada", 99))
    broken = {
        "up_ada_90.wav": whole[: len(whole) // 2],
        "up_ada_91.wav": audio_files.encoded(np.zeros((800, 96)) + 0.1),
        "up_ada_92.wav": audio_files.encoded(np.zeros(0)),
        "up_ada_93.wav": audio_files.encoded(np.array([0.1, np.nan] * 800), subtype="FLOAT"),
        "up_ada_94.flac": audio_files.encoded(np.zeros(3601 * 1000) + 0.1, "FLAC", rate=1000),
        "notes.txt": b"no sound",
        "noname.wav": whole,
    }
    for name, content in broken.items():
        (mine / name).write_bytes(content)
    chain_project.build(root, {NAME: BLOCK})
    return root


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Any]:
    with live_server.running(root) as running:
        yield running


def report(root: Path, name: str) -> Any:
    return json.loads((root / "reports" / NAME / name).read_text())


def test_what_is_no_sound_is_counted_with_its_reason(root: Path) -> None:
    assert report(root, "clean.json")["reasons"] == {
        "empty_sound": 1,
        "no_label": 1,
        "not_an_audio_file": 1,
        "not_finite": 1,
        "too_many_channels": 1,
        "too_many_seconds": 1,
        "truncated_sound": 1,
    }


def test_speakers_are_kept_apart(root: Path) -> None:
    parts = [
        set(pd.read_parquet(root / "data" / "split" / NAME / f"{part}.parquet")["group"])
        for part in ("train", "validation", "test")
    ]
    assert all(parts) and set.union(*parts) == set(audio_files.PITCHES)
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_no_part_of_its_pages_fails(root: Path) -> None:
    for name in ("explore", "examine"):
        assert "it failed" not in (root / "reports" / NAME / f"{name}.json").read_text(), name
    for page in ("augment", "data", "trust"):
        html = (root / "reports" / NAME / f"{page}.html").read_text()
        assert 'class="sound"' in html and "data:audio/wav;base64," in html, page


def test_it_beats_its_floors(root: Path) -> None:
    metrics = report(root, "metrics.json")
    assert metrics["test"]["accuracy"]["value"] >= 0.9
    floors = {name: score["accuracy"]["value"] for name, score in metrics["floor"].items()}
    assert set(floors) == {"majority_class", "logistic_regression"}
    assert metrics["test"]["accuracy"]["value"] > max(floors.values())


def test_the_bundle_hears_samples(root: Path) -> None:
    signature = json.loads((root / "models" / "onnx" / NAME / "signature.json").read_text())
    (tensor,) = signature["inputs"]
    assert tensor == {"name": "audio", "type": "INT16", "shape": ["batch", 4000]}
    assert "audio-classification" in (root / "models" / "onnx" / NAME / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_server_answers_to_a_file_of_any_format(server: Any, kind: str) -> None:
    sound = audio_files.encoded(audio_files.spoken("up", "ada", 77), kind)
    answer = server.ask("POST", f"/models/{NAME}", sound, Content_Type=f"audio/{kind.lower()}")
    assert answer.status == 200, answer.content
    assert answer.json["labels"][0]["label"] == "up"


def test_samples_and_a_file_get_the_same_answer(server: Any) -> None:
    sound = audio_files.spoken("down", "bob", 78)
    from chainrule.fields import audio

    samples = audio.fitted(audio.whole(sound), 4000)
    asked = {"inputs": [{"name": "audio", "shape": [1, 4000], "datatype": "INT16", "data": samples.tolist()}]}
    found = server.ask("POST", f"/v2/models/{NAME}/infer", json.dumps(asked).encode(), Content_Type="application/json")
    plain = server.ask("POST", f"/models/{NAME}", audio_files.encoded(sound), Content_Type="audio/wav")
    assert found.status == plain.status == 200, found.content
    logits = np.array(found.json["outputs"][0]["data"])
    chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    told = {each["label"]: each["probability"] for each in plain.json["labels"]}
    assert chances == pytest.approx([told[name] for name in sorted(told)], abs=1e-4)


def test_an_explanation_names_times_and_bands(server: Any) -> None:
    sound = audio_files.encoded(audio_files.spoken("up", "eve", 79))
    answer = server.ask("POST", f"/models/{NAME}?explain=occlusion", sound, Content_Type="audio/wav")
    assert answer.status == 200, answer.content
    parts = answer.json["explanation"]["parts"]
    assert len(parts) == 48 and {"from", "to", "low", "high", "weight"} <= set(parts[0])
    assert parts[0]["from"] == 0 and parts[-1]["to"] == 0.5 and parts[-1]["high"] == 4000


@pytest.mark.parametrize(
    ("sound", "status", "said"),
    [
        (b"RIFF....WAVE", 400, "cannot be read"),
        (b"no sound", 400, "send WAV, FLAC, Ogg or MP3"),
        (audio_files.encoded(np.zeros(0)), 400, "no samples"),
        (audio_files.encoded(np.zeros((80, 96)) + 0.1), 400, "96 channels"),
        (audio_files.encoded(np.array([0.1, np.inf] * 800), subtype="FLOAT"), 400, "no number"),
        (audio_files.encoded(np.zeros(700 * 1000) + 0.1, "FLAC", rate=1000), 413, "too long"),
    ],
)
def test_what_is_no_sound_gets_one_line(server: Any, sound: bytes, status: int, said: str) -> None:
    answer = server.ask("POST", f"/models/{NAME}", sound, Content_Type="audio/wav")
    assert answer.status == status, answer.content
    assert said in answer.json["error"] and "\n" not in answer.json["error"]


def test_an_image_is_refused(server: Any) -> None:
    answer = server.ask("POST", f"/models/{NAME}", b"\x89PNG", Content_Type="image/png")
    assert answer.status == 400 and "takes a sound, not an image" in answer.json["error"]
