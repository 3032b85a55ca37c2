"""Who may ask: the bearer token, and what keeps web pages of others away from a server on loopback."""

import hmac
import ipaddress
from collections.abc import Mapping

from chainrule.serving.errors import Refusal
from chainrule.serving.settings import TOKEN_VARIABLE, Settings
from chainrule.system.errors import ChainruleError

# The page needs no more than its own files; nothing may frame it.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    b"connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
NOSNIFF = (b"x-content-type-options", b"nosniff")
HEADERS = [
    (b"content-security-policy", _POLICY),
    NOSNIFF,
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
# Probes have no token, nor has a link to the API's page, which says nothing of a model. The page's own files are open
# too: it must load before it can ask for one.
OPEN = frozenset({"/v2/health/live", "/v2/health/ready", "/docs", "/openapi.json"})


def refuse_open_address(settings: Settings) -> None:
    """Raise ChainruleError if the server would be open to others without a token."""
    if settings.token is not None and len(settings.token) < 16:
        raise ChainruleError(f"{TOKEN_VARIABLE} must have at least 16 characters; make one with `openssl rand -hex 32`")
    if settings.token is None and not is_loopback(settings.host):
        raise ChainruleError(
            f"{settings.host} can be reached by others: set {TOKEN_VARIABLE} to a secret of at least 16 characters "
            "(`openssl rand -hex 32`), or leave --host at 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own loopback."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check(settings: Settings, is_open: bool, headers: Mapping[bytes, bytes]) -> None:
    """Let a request in or raise Refusal (401, 403). is_open: its path is; headers: by lower-case name.

    Without a token the server listens on loopback only, where every web page that the user visits can send it
    requests: the Host must then be a loopback name (against DNS rebinding), whatever the path. A page of another origin
    is refused always.
    """
    origin = headers.get(b"origin")
    host = headers.get(b"host", b"")
    if origin is not None and origin.partition(b"://")[2] != host:
        raise Refusal(403, "requests of pages of another origin are refused", "origin")
    if settings.token is None:
        if not _known(host, settings):
            raise Refusal(
                403,
                "the Host of the request is no loopback name; ask for http://localhost, or start the server with "
                "--allow-host or a token",
                "host",
            )
    elif not is_open:
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), settings.token.encode()):
            raise Refusal(401, "this server asks for `Authorization: Bearer <token>`", "token")


def check_admin(settings: Settings) -> None:
    """Raise Refusal unless a token is configured; `check` has then seen that the request brought it."""
    if settings.token is None:
        raise Refusal(403, f"loading and unloading need a token: start the server with {TOKEN_VARIABLE} set", "token")


def _known(host: bytes, settings: Settings) -> bool:
    plain, colon, port = host.partition(b":")
    if plain in (b"127.0.0.1", b"localhost"):  # nearly always: to parse an address takes longer than all else here
        return port.isdigit() or not colon
    name = host.decode("latin-1")
    bare = name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]
    return is_loopback(bare) or bare.lower() in settings.names
