"""Schedules that would mean something else, or nothing, are refused; so is what is not a Prefect server."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chainrule.system.errors import ParamsError
from pipelines import cron, monitor, server


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("*/5 * * * * *", "has 6 fields and takes five (Prefect takes a sixth for seconds): minute (0-59), hour"),
        ("* * * * * * 2030", "has 7 fields"),
        ("0 3 * *", "has 4 fields"),
        ("", "'' has 0 fields and takes five"),
        ("every night", "has 2 fields"),
        ("@reboot", "is no time"),
        ("0 3 * * 8", "is no time"),
        ("0 25 * * *", "is no time"),
        ("0 3 30 2 *", "never comes"),
        ("0 3 31 4,6,9,11 *", "never comes"),
    ],
)
def test_a_time_that_is_none_is_refused(expression: str, said: str) -> None:
    (found,) = cron.mistakes(expression, None)
    assert said in found


@pytest.mark.parametrize(
    "expression", ["0 3 * * *", "*/5 * * * *", "0 3 29 2 *", "15 6 * * mon-fri", "0 3 * * 7", "@daily"]
)
def test_a_time_that_comes_is_taken(expression: str) -> None:
    assert cron.mistakes(expression, "Europe/Berlin") == []
    (due,) = cron.coming(expression, "Europe/Berlin")
    assert str(due.tzinfo) != "UTC"


@pytest.mark.parametrize(
    ("zone", "said"), [("europe/berlin", "did you mean Europe/Berlin?"), ("", "Europe/Berlin is one")]
)
def test_a_zone_that_is_none_is_refused_beside_what_else_is_wrong(zone: str, said: str) -> None:
    with pytest.raises(ParamsError) as error:
        cron.check("0 3 30 2 *", zone, "--cron")
    assert str(error.value).startswith("--cron: '0 3 30 2 *' never comes") and said in str(error.value)


def test_all_that_is_wrong_in_prefect_yaml_is_said_at_once(project: Path, tmp_path: Path) -> None:
    text = (project / "prefect.yaml").read_text()
    cron.check_file(project / "prefect.yaml")
    changed = tmp_path / "prefect.yaml"
    changed.write_text(text.replace('"0 3 * * *"', '"0 0 3 * * *"').replace('"15 * * * *"', '"15 * 31 2 *"'))
    with pytest.raises(ParamsError) as error:
        cron.check_file(changed)
    said = str(error.value)
    assert "'0 0 3 * * *' has 6 fields" in said and "(of retrain/digits, retrain/reviews," in said
    assert "'15 * 31 2 *' never comes" in said and "monitor/digits" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cron", "* * * * * *"], "has 6 fields"),
        (["--timezone", "UTC"], "there is no --cron"),
        (["--grace", "-1"], "--grace -1: minutes, 0 or more"),
        (["--grace", "nan"], "--grace nan: minutes, 0 or more"),
    ],
)
def test_a_flow_refuses_them_before_any_work(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert monitor.main(["digits", *words]) == 2
    written = capsys.readouterr().err
    assert written.startswith("monitor: --") and said in written and written.count("\n") == 1


# ---- what PREFECT_API_URL names


class _Other(http.server.BaseHTTPRequestHandler):
    """Another program: what it answers to everything."""

    answer: tuple[int, bytes]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.answer[0])
        self.end_headers()
        self.wfile.write(self.answer[1])

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def other(request: pytest.FixtureRequest) -> Iterator[str]:
    handler = type("Handler", (_Other,), {"answer": request.param})
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}/api"
    listening.shutdown()
    listening.server_close()


HELLO = json.dumps({"detail": "hello"}).encode()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ((200, HELLO), "what answers there is not Prefect; start the server"),
        ((200, b"<html>"), "what answers there is not Prefect"),
        ((404, HELLO), "it answers 404 Not Found, as Prefect does not"),
        ((401, HELLO), "it answers 401 Unauthorized; set PREFECT_API_KEY, or PREFECT_API_AUTH_STRING"),
    ],
    indirect=["other"],
)
def test_another_program_is_named_with_what_it_answered(other: str, said: str, as_user: None) -> None:
    assert f"PREFECT_API_URL is {other}, and {said}" in refused(other)


def test_an_address_that_is_nearly_right_is_corrected(prefect_url: str, as_user: None) -> None:
    server.check(prefect_url)
    place = prefect_url.removesuffix("/api")
    for wrong in (
        place,
        f"{place}/",
        f"{place}/api/v1",
        prefect_url.replace("http", "https"),
        place.removeprefix("http://"),
    ):
        assert f"PREFECT_API_URL is {wrong}, and " in refused(wrong)
        assert f"{prefect_url} is a Prefect server's; set the variable to that" in refused(wrong)


def test_a_password_in_the_address_is_not_repeated(as_user: None) -> None:
    said = refused("http://somebody:secret@127.0.0.1:9/api")
    assert "nothing answers there ([Errno 111] Connection refused)" in said and "secret" not in said


def refused(url: str) -> str:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: url}), pytest.raises(server.GoneError) as error:
        server.check(url)
    return str(error.value)
