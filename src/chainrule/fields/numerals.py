"""How people write numbers: with marks between thousands, a decimal mark, and signs of money or of hundredths."""

import re

BLANKS = " \u00a0\u202f\u2009"
"""Any of these may stand between thousands where a blank does."""
_SIGN = re.compile(rf"([+-]?)(?:[$€£¥][{BLANKS}]?)?([\d.,].*?)(?:[{BLANKS}]?[$€£¥%])?", re.DOTALL)


def bare(written: str) -> str:
    """Return a number without blanks around it and the sign of money or of hundredths beside it: 5.3% is 5.3.

    A minus in typography becomes one of ASCII. What is no number stays as it is.
    """
    text = written.strip().replace("\u2212", "-")
    found = _SIGN.fullmatch(text)
    return f"{found[1]}{found[2]}" if found else text


def grouped(decimal: str, thousands: str) -> re.Pattern[str] | None:
    """Return how a number with marks between its thousands looks; None where there are no marks."""
    if not thousands:
        return None
    mark = f"[{BLANKS}]" if thousands == " " else re.escape(thousands)
    return re.compile(rf"[+-]?\d{{1,3}}(?:{mark}\d{{3}})+(?:{re.escape(decimal)}\d*)?", re.ASCII)


def ungrouped(text: str, decimal: str, groups: re.Pattern[str] | None) -> str:
    """Return a number without the marks between its thousands, if it has some as `grouped` says."""
    if groups is None or not groups.fullmatch(text):
        return text
    return "".join(sign for sign in text if sign.isdigit() or sign in f"+-{decimal}")
