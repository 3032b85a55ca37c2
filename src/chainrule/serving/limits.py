"""How much one request, and all of them together, may ask for."""

from dataclasses import dataclass

BACKLOG = 2048
"""Connections that may wait to be taken."""


@dataclass(frozen=True)
class Limits:
    """Bounds that a request cannot move; every default fits models of some tens of MB on a few cores."""

    body_bytes: int = 16 * 1024 * 1024
    """The largest body, as sent and again after decompression, in bytes."""
    bodies_bytes: int = 256 * 1024 * 1024
    """The bytes of all bodies in hand, half-sent ones too; beyond it one of more than 64 KiB is refused with 503."""
    body_seconds: float = 15.0
    """The longest that a client may take to send its body."""
    connections: int = 1024
    """The most connections at once; more are answered 503."""
    json_depth: int = 16
    """The deepest nesting of arrays and objects in a JSON body."""
    elements: int = 4_000_000
    """The most elements of one tensor."""
    batch: int = 64
    """The most items in one request."""
    pixels: int = 25_000_000
    """The most pixels of an image, before it is decoded."""
    seconds: float = 600.0
    """The longest sound, in seconds, before it is decoded."""
    answer_numbers: int = 100_000_000
    """The most numbers of an answer that has some for every pixel: with many classes an image must be smaller."""
    characters: int = 100_000
    """The longest text, in characters."""
    max_batch: int = 32
    """The most items of one run; a larger request is run in parts."""
    max_cells: int = 2048
    """The most varying cells (tokens, for a text) of one run: with max_batch, what bounds the memory of a run."""
    queue: int = 1024
    """The most items that wait for one model; beyond it a request is refused with 503."""
    explain_runs: int = 256
    """The most rows that one explanation may run."""
    explain_seconds: float = 5.0
    """How long an explanation should take: of a slow model fewer parts are told apart. It ends after twice as long."""
    deadline_seconds: float = 30.0
    """The longest that a request waits for its run to begin."""
    prompt_tokens: int = 4096
    """The most tokens that a text is written from."""
    new_tokens: int = 1024
    """The most tokens that a text may be asked to have."""
    write_seconds: float = 60.0
    """The longest that a text may take; it then ends where it is."""
    texts: int = 32
    """The most texts, each beam of one counted, that a model writes at once."""
    texts_waiting: int = 256
    """The most texts that wait for one model; beyond it a request is refused with 503."""
    cache_bytes: int = 512 * 1024 * 1024
    """The bytes of keys and values of all texts that a model writes at once; a step holds them up to three times."""
