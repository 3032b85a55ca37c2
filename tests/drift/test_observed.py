import json
import os
import shutil
import threading

import numpy as np
import pytest

import live_server
import tiny_bundles
from chainrule import cli
from chainrule.drift import monitoring
from chainrule.serving import observed
from chainrule.system.errors import DataError
from chainrule.system.files import write_rows
from drift_rows import image_rows
from server_process import observing

BLOCK = {"seed": 3, "retrain": {"drift": 0.01}}


@pytest.fixture
def root(tmp_path):
    return live_server.project(tmp_path)


def ask(live, pixels, model="digits"):
    """Send images [N, 8, 8] in one request."""
    tensor = {"name": "image", "datatype": "UINT8", "shape": [len(pixels), 1, 8, 8], "data": pixels.ravel().tolist()}
    body = json.dumps({"id": "private-id", "inputs": [tensor]}).encode()
    answer = live.ask("POST", f"/v2/models/{model}/infer", body, X_Request_Id="private-request")
    assert answer.status == 200
    return answer.json


def counted(live, outcome) -> float:
    page = live.ask("GET", "/metrics").content.decode()
    found = [line for line in page.splitlines() if line.startswith("chainrule_observed_total") and outcome in line]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def files(root, model="digits"):
    return observed.files(root / observed.FOLDER / model)


def test_nothing_is_observed_unless_asked_for(root):
    with live_server.running(root) as live:
        ask(live, image_rows(3)[1])
        assert "chainrule_observed" not in live.ask("GET", "/metrics").content.decode()
    assert not (root / observed.FOLDER).exists()


def test_inputs_and_answers_are_kept_without_a_word_about_who_asked(root):
    _, pixels = image_rows(5)
    with live_server.running(root, observe=1.0) as live:
        answer = ask(live, pixels)
        text = live.ask("POST", "/models/reviews", b"a good film", Content_Type="text/plain")
        assert text.status == 200
        live_server.until(lambda: counted(live, "written") == 6)
    rows, broken = observed.read(root, "digits", 100)
    logits = np.array(answer["outputs"][0]["data"]).reshape(5, 10)
    assert broken == 0
    named = [{each["label"]: each["probability"] for each in row.answer["labels"]} for row in rows]
    assert [int(next(iter(each))) for each in named] == logits.argmax(axis=1).tolist()
    np.testing.assert_array_equal(np.concatenate([row.inputs["image"][:, 0] for row in rows]), pixels)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = [[each[label] for label in tiny_bundles.DIGITS] for each in named]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert {row.version for row in rows} == {"0"}
    content = b"".join(path.read_bytes() for path in files(root))
    assert b"private" not in content and b"127.0.0.1" not in content
    assert all(path.stat().st_mode & 0o077 == 0 for path in files(root))
    (said,) = observed.read(root, "reviews", 100)[0]
    assert said.answer == {"labels": text.json["labels"]}
    assert said.inputs["input_ids"].tolist() == [[tiny_bundles.WORDS.index(word) for word in ("a", "good", "film")]]


def test_a_share_is_taken_of_items(root):
    with live_server.running(root, observe=0.3) as live:
        for seed in range(20):
            ask(live, image_rows(50, seed)[1])
        live_server.until(lambda: counted(live, "written") + counted(live, "dropped") > 0)
    rows, _ = observed.read(root, "digits", 10_000)
    assert 200 < len(rows) < 400  # 300 are expected, with a deviation of 14


def test_files_are_bounded_and_the_oldest_go(root):
    with live_server.running(root, observe=1.0, observe_megabytes=1) as live:
        sent = 0
        while sent < 8000:
            ask(live, image_rows(50, sent)[1])
            sent += 50
            live_server.until(lambda n=sent: counted(live, "written") + counted(live, "dropped") >= n)
        first = files(root)[0]
    sizes = [path.stat().st_size for path in files(root)]
    assert len(sizes) <= observed.FILES
    assert 0.5 * 2**20 < sum(sizes) <= 2**20
    rows, broken = observed.read(root, "digits", 50)
    assert (len(rows), broken) == (50, 0)
    np.testing.assert_array_equal(rows[-1].inputs["image"][0, 0], image_rows(50, sent - 50)[1][-1])
    assert "-1.jsonl" not in first.name


def send(live, count, seed):
    """Send so many images and wait until they are in a file."""
    before = counted(live, "written")
    for start in range(0, count, 50):
        ask(live, image_rows(min(50, count - start), seed + start)[1])
        # Never more than the writer takes: nothing is dropped.
        live_server.until(lambda n=start: counted(live, "written") - before >= min(n + 50, count))


def test_servers_on_one_root_share_the_bound_and_remove_no_file_of_one_that_writes(root):
    bound = ("--observe-megabytes", "1")
    with observing(root, *bound) as (quiet, one), observing(root, *bound) as (_, other):
        send(one, 3, seed=90_000)
        (first,) = files(root)
        for seed in (0, 10_000):
            send(other, 4000, seed)  # more than the bound takes
            assert first in files(root)
            assert 0.5 * 2**20 < sum(path.stat().st_size for path in files(root)) <= 2**20
        send(one, 3, seed=95_000)
        rows, broken = observed.read(root, "digits", 10)
        pixels = np.concatenate([image_rows(3, 95_000)[1], image_rows(50, 13_950)[1]])
        found = [row.inputs["image"][0, 0] for row in rows]
        assert broken == 0
        np.testing.assert_array_equal(found[-3:], pixels[:3])  # in the older file, and yet the newest
        np.testing.assert_array_equal(found[:-3], pixels[-7:])
        assert len(first.read_bytes().splitlines()) == 6
        quiet.kill()
        quiet.wait()
        send(other, 4000, seed=20_000)
        assert first not in files(root)


def test_a_restart_keeps_what_was_seen_before(root):
    for seed in range(observed.FILES + 1):
        serve_and_see(root, image_rows(5, seed)[1])
    assert len(observed.read(root, "digits", 1000)[0]) == 5 * (observed.FILES + 1)


def test_a_file_that_somebody_removes_is_begun_anew(root):
    with live_server.running(root, observe=1.0) as live:
        send(live, 2, seed=0)
        shutil.rmtree(root / observed.FOLDER)
        send(live, 4, seed=1)
    assert len(observed.read(root, "digits", 10)[0]) == 4


def test_a_full_disk_stops_observing_and_nothing_else(root, monkeypatch, caplog):
    real = os.open

    def full(path, flags, mode=0o777, **more):
        if str(path).endswith(".jsonl"):
            return real("/dev/full", os.O_WRONLY)
        return real(path, flags, mode, **more)

    monkeypatch.setattr(observed.os, "open", full)
    with live_server.running(root, observe=1.0) as live:
        ask(live, image_rows(2)[1])
        live_server.until(lambda: counted(live, "lost") == 2)
        ask(live, image_rows(2)[1])
        assert (counted(live, "lost"), counted(live, "written")) == (4, 0)
    said = [message for message in caplog.messages if "nothing more is observed" in message]
    assert len(said) == 1 and "No space left" in said[0]


def test_a_writer_that_is_behind_costs_items_and_no_request(root, monkeypatch):
    go_on = threading.Event()
    real = observed.Observer._append

    def slow(self, model, line):
        go_on.wait(20)
        return real(self, model, line)

    monkeypatch.setattr(observed.Observer, "_append", slow)
    with live_server.running(root, observe=1.0) as live:
        for seed in range(30):
            ask(live, image_rows(50, seed)[1])
        dropped = counted(live, "dropped")
        assert dropped >= 1500 - 50 * 2 - observed.WAITING
        go_on.set()
        live_server.until(lambda: counted(live, "written") == 1500 - dropped)


def test_lines_that_are_no_rows_are_counted(root):
    with live_server.running(root, observe=1.0) as live:
        ask(live, image_rows(4)[1])
        live_server.until(lambda: counted(live, "written") == 4)
    (path,) = files(root)
    content = path.read_bytes()
    path.write_bytes(b'{"time": 1}\n' + content[:-30])  # the last line's server was stopped in the middle of it
    rows, broken = observed.read(root, "digits", 100)
    assert (len(rows), broken) == (3, 2)
    assert observed.read(root, "unheard-of", 100) == ([], 0)


@pytest.mark.parametrize("arguments", [["--observe", "1.5"], ["--observe", "-1"], ["--observe-megabytes", "0"]])
def test_settings_that_cannot_be_are_refused(root, arguments, capsys):
    assert cli.main(["serve", "--root", str(root), *arguments]) == 1
    assert "--observe must be from 0 to 1" in capsys.readouterr().err


# ---- a look at what was observed


def serve_and_see(root, *batches):
    """Let a server see these images."""
    with live_server.running(root, observe=1.0) as live:
        for pixels in batches:
            for start in range(0, len(pixels), 50):
                ask(live, pixels[start : start + 50])
        total = sum(map(len, batches))
        live_server.until(lambda: counted(live, "written") == total)


@pytest.fixture
def watched(root):
    rows, _ = image_rows(120, seed=7)
    write_rows(root / "data" / "split" / "digits" / "validation.parquet", rows)
    return root


def look(root, **options):
    found = monitoring.look(root, "digits", BLOCK, **options)
    monitoring.remember(root, found)
    return found


def test_a_look_flags_what_differs_and_begins_where_the_last_one_ended(watched):
    assert look(watched).words() == (
        "nothing was observed; `chainrule serve --observe 0.1` observes a tenth of what it gets"
    )
    serve_and_see(watched, image_rows(90, seed=8)[1])
    first = look(watched)
    assert (first.rows, first.report.flagged, first.report.used) == (90, False, (120, 90))
    assert look(watched).words().startswith("nothing was observed since ")
    serve_and_see(watched, image_rows(60, seed=9)[1] // 3)
    second = look(watched)
    assert (second.rows, second.report.flagged) == (60, True)
    assert {"brightness", "pixels", "features"} <= {test.name for test in second.report.tests if test.flagged}
    both = look(watched, again=True)
    assert both.rows == 150
    assert look(watched, again=True, rows=50).report.rows[1] == 150  # the newest 50 are compared, all are counted


def test_too_few_rows_wait_for_the_next_look(watched):
    serve_and_see(watched, image_rows(12)[1])
    assert "too few, 20 are needed" in look(watched).words()
    serve_and_see(watched, image_rows(12, seed=1)[1])
    assert (look(watched).rows, look(watched).rows) == (24, 0)


def test_rows_that_are_sent_over_and_over_are_named(watched):
    pixels = image_rows(30, seed=8)[1]
    serve_and_see(watched, np.concatenate([pixels, pixels[:10], pixels[:10]]))
    report = look(watched).report
    assert [note for note in report.notes if "20 of 50 rows repeat another" in note]
    serve_and_see(watched, image_rows(30, seed=9)[1])
    assert not [note for note in look(watched).report.notes if "repeat" in note]


def test_lines_of_an_earlier_release_are_read(root):
    with live_server.running(root, observe=1.0) as live:
        ask(live, image_rows(1)[1])
        live_server.until(lambda: counted(live, "written") == 1)
    (path,) = files(root)
    line = json.loads(path.read_bytes())
    del line["answer"]
    path.write_text(json.dumps({**line, "label": "3", "probabilities": [0.25, 0.75]}) + "\n")
    (row,), broken = observed.read(root, "digits", 10)
    assert (row.answer, broken) == ({"labels": [{"label": "3", "probability": 0.75}]}, 0)


def test_rows_of_other_versions_and_broken_lines_are_counted_and_left_out(watched):
    serve_and_see(watched, image_rows(30)[1])
    (path,) = files(watched)
    lines = path.read_bytes().splitlines(keepends=True)
    other = [line.replace(b'"version":"0"', b'"version":"9"') for line in lines[:5]]
    path.write_bytes(b"".join([*other, b"no row\n", *lines[5:]]))
    found = look(watched)
    assert (found.rows, found.others, found.broken) == (25, 5, 1)
    assert "5 of other versions, 1 unreadable line)" in found.words()


def test_a_name_that_is_not_served_is_an_error(watched):
    with pytest.raises(DataError, match="nothing is served under this name"):
        monitoring.look(watched, "unheard-of", BLOCK)
    serve_and_see(watched, image_rows(30)[1])
    (watched / "data" / "split" / "digits" / "validation.parquet").unlink()
    with pytest.raises(DataError, match=r"validation\.parquet: not found"):
        look(watched)
