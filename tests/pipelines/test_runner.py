"""What a stage prints, as lines."""

import os
import threading

from hypothesis import given
from hypothesis import strategies as st

from pipelines import runner
from pipelines.runner import lines


def read(chunks: list[bytes]) -> list[str]:
    read_end, write_end = os.pipe()

    def write() -> None:
        for chunk in chunks:
            os.write(write_end, chunk)
        os.close(write_end)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        return list(lines(read_end))
    finally:
        thread.join()
        os.close(read_end)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=1)), st.integers(1, 7))
def test_lines_come_whole_however_they_are_cut(texts: list[str], size: int) -> None:
    content = "".join(f"{text}\n" for text in texts).encode()
    assert read([content[at : at + size] for at in range(0, len(content), size)]) == texts


def test_a_bar_is_its_last_state_and_the_rest_stays() -> None:
    assert read([b"before\n\r10%", b"\r20%\r30", b"%\nafter"]) == ["before", "30%", "after"]


def test_a_bar_that_takes_long_is_a_line_now_and_then() -> None:
    before = runner.PROGRESS_SECONDS
    try:
        runner.PROGRESS_SECONDS = 0.0
        assert read([b"\r10%\r20%\r30%"])[0] in ("10%", "20%")
    finally:
        runner.PROGRESS_SECONDS = before
