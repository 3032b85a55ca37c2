"""A request that gets no answer, with the reason: what the protocol's {"error": ...} is made of."""


class Refusal(Exception):  # noqa: N818 - most refusals are no error of anybody
    """A request is refused; nothing about the server is broken unless the status is 500."""

    def __init__(self, status: int, message: str, reason: str, retry_after: int | None = None) -> None:
        """Refuse with an HTTP status.

        reason: a short label for metrics ("shape", "queue_full"); retry_after: seconds after which to ask again.
        """
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.retry_after = retry_after
