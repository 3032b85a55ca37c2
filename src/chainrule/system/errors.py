"""Errors that are the user's to mend: shown as one line, never as a stack trace."""


class ChainruleError(Exception):
    """A mistake outside the code: its message names the file, the row and the remedy."""

    exit_code = 1


class DataError(ChainruleError):
    """A source file or a row that cannot be used as it is."""


class TooLargeError(DataError):
    """A file or a text beyond a limit that is there to bound work, whatever is in it."""


class ParamsError(ChainruleError):
    """params.yaml asks for something that cannot be; the message lists every mistake at once."""

    exit_code = 2
