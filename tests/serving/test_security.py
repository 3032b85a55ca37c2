from pathlib import Path

import pytest

import live_server
from chainrule.serving import security
from chainrule.serving.errors import Refusal
from chainrule.serving.settings import Settings
from chainrule.system.errors import ChainruleError

TOKEN = "a token of enough characters"
OPEN = Settings(Path())
LOCKED = Settings(Path(), token=TOKEN)


def status(settings: Settings, *, is_open: bool = False, **headers: str) -> int:
    """The status that a request with these headers gets, 200 if it is let in."""
    found = {name.lower().encode(): text.encode() for name, text in headers.items()}
    try:
        security.check(settings, is_open, found)
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com", ""])
def test_an_address_that_others_reach_needs_a_token(host):
    with pytest.raises(ChainruleError, match="CHAINRULE_TOKEN"):
        security.refuse_open_address(Settings(Path(), host=host))
    security.refuse_open_address(Settings(Path(), host=host, token=TOKEN))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_loopback_needs_none(host):
    security.refuse_open_address(Settings(Path(), host=host))


def test_a_short_token_is_refused():
    with pytest.raises(ChainruleError, match="16 characters"):
        security.refuse_open_address(Settings(Path(), token="short"))


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:8080", "127.0.0.2", "[::1]:8080", "LOCALHOST"]
)
def test_requests_to_loopback_names_are_let_in(host):
    assert status(OPEN, host=host) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "", "[",
     "127.0.0.1:8080@evil", "localhost:80.evil.example", "10.0.0.1", "\xff"],
)  # fmt: skip
def test_requests_to_other_names_are_refused_without_a_token(host):
    assert status(OPEN, host=host) == 403
    assert status(OPEN) == 403
    assert status(OPEN, host=host, is_open=True) == 403
    assert status(LOCKED, host=host, authorization=f"Bearer {TOKEN}") == 200


def test_a_name_can_be_allowed():
    assert status(Settings(Path(), names=("models.example",)), host="Models.Example:8080") == 200


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \xff"]
)
def test_a_wrong_token_is_refused(given):
    headers = {} if given is None else {"authorization": given}
    assert status(LOCKED, host="localhost", **headers) == 401
    assert status(LOCKED, host="localhost", is_open=True, **headers) == 200


def test_the_right_token_is_let_in():
    assert status(LOCKED, host="localhost", authorization=f"Bearer {TOKEN}") == 200
    assert status(LOCKED, host="localhost", authorization=f"bearer  {TOKEN}") == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:9999", "file://", "http://localhost"]
)
def test_pages_of_another_origin_are_refused(origin):
    assert status(OPEN, host="localhost:8080", origin=origin) == 403
    assert status(OPEN, host="localhost:8080", origin=origin, is_open=True) == 403
    assert status(LOCKED, host="localhost:8080", origin=origin, authorization=f"Bearer {TOKEN}") == 403


def test_the_own_page_is_let_in():
    assert status(OPEN, host="localhost:8080", origin="http://localhost:8080") == 200
    assert (
        status(LOCKED, host="models.example", origin="https://models.example", authorization=f"Bearer {TOKEN}") == 200
    )


def test_loading_needs_a_token_to_be_configured():
    security.check_admin(LOCKED)
    with pytest.raises(Refusal, match="CHAINRULE_TOKEN") as caught:
        security.check_admin(OPEN)
    assert caught.value.status == 403


def test_a_token_is_no_part_of_what_is_printed():
    assert TOKEN not in repr(LOCKED)


def test_with_a_token_only_probes_and_the_page_are_open(tmp_path):
    with live_server.running(live_server.project(tmp_path), token=TOKEN) as live:
        for path in ("/", "/page.js", "/page.css", "/v2/health/live", "/v2/health/ready"):
            assert live.ask("GET", path).status == 200
        closed = [
            ("GET", "/v2"), ("GET", "/v2/models/digits"), ("GET", "/models"), ("GET", "/models/digits/card"),
            ("GET", "/metrics"), ("GET", "/nothing"),
            ("POST", "/v2/models/digits/infer"), ("POST", "/models/digits"), ("POST", "/v2/repository/index"),
            ("POST", "/v2/repository/models/digits/load"), ("POST", "/v2/repository/models/digits/unload"),
        ]  # fmt: skip
        for method, path in closed:
            answer = live.ask(method, path, b"{}" if method == "POST" else None)
            assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Bearer" and answer.json["error"]
            with_token = live.ask(method, path, b"{}" if method == "POST" else None, Authorization=f"Bearer {TOKEN}")
            assert with_token.status != 401
        assert "reasons" not in live.ask("GET", "/v2/health/ready").json
        assert TOKEN.encode() not in live.log.getvalue()
