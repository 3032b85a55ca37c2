"""The one exception by which a modality turns a row away."""


class Reject(Exception):  # noqa: N818 - turning a row away is an answer, not an error
    """A row that cannot be used. `reason` is one stable word, `detail` says what was found.

    It is caught by cleaning, which keeps the row among the rejected; it never ends a stage.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
