"""Pages made of parts: one that cannot be shown, or that fails, takes nothing from the others."""

from chainrule.evaluation import parts
from chainrule.evaluation.parts import NotShownError, Part


def whole(looked: int) -> Part:
    return Part("Whole", f"<p>{looked}</p>", {"seen": looked})


def silent(looked: int) -> None:
    return None


def refused(looked: int) -> Part:
    raise NotShownError("no row is <wrong>")


def broken(looked: int) -> Part:
    raise ValueError("shapes (21,) and (24,)")


def test_a_part_that_fails_is_a_line_and_a_warning_and_the_rest_of_the_page_stands() -> None:
    said: list[str] = []
    makers = [("whole", whole), ("silent", silent), ("refused_rows", refused), ("broken", broken), ("last", whole)]
    found = parts.made(7, makers, said.append)
    assert list(found) == ["whole", "refused_rows", "broken", "last"]
    assert found["refused_rows"] == Part(
        "Refused rows",
        '<p class="note">Not shown: no row is &lt;wrong&gt;</p>',
        {"not_shown": "no row is <wrong>"},
    )
    assert "it failed (ValueError: shapes (21,) and (24,))" in found["broken"].body
    (line,) = said
    assert line.startswith("broken is not shown: ValueError in test_parts.py:")
    html = parts.to_html("mine", "Errors", {"task": "telling"}, found)
    assert html.count("<section>") == 4 and "Whole" in html
