"""The page in a real browser, against a real server process."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import shipped
import tiny_bundles
import writers
from waiting import free_port, until

pytest.importorskip("playwright")
from playwright.sync_api import Browser, Page, expect, sync_playwright

pytestmark = pytest.mark.browser

TOKEN = "a-token-of-at-least-sixteen-characters"
CHROMIUM = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
WAIT = 15_000  # ms
expect.set_options(timeout=WAIT)


class Server:
    """A `chainrule serve` of the bundles below a folder, on one port through restarts."""

    def __init__(self, root: Path, **environment: str) -> None:
        self.port = free_port()
        self.root, self.environment = root, os.environ | environment
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "chainrule.cli", "serve", "--root", str(self.root), "--port", str(self.port)]
        self.process = subprocess.Popen([*command, "--device", "cpu"], env=self.environment, stderr=subprocess.DEVNULL)

        def ready() -> bool:
            assert self.process.poll() is None, "the server has ended"
            try:
                with urllib.request.urlopen(f"{self.url}/v2/health/ready"):
                    return True
            except OSError:
                return False

        until(ready, what="a ready server")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """Five models: the real digits where they were exported, else a tiny stand-in, reviews, pairs, rows, a writer."""
    root = tmp_path_factory.mktemp("served")
    onnx = root / "models" / "onnx"
    onnx.mkdir(parents=True)
    exported = shipped.find(project, "digits", "models/onnx")
    if exported is not None:
        shutil.copytree(exported, onnx / "digits")
    else:
        tiny_bundles.image_bundle(onnx / "digits")
    tiny_bundles.text_bundle(onnx / "reviews")
    tiny_bundles.pair_bundle(onnx / "pairs")
    tiny_bundles.table_bundle(onnx / "titanic")
    fields = [
        {"name": "text", "kind": kind, "role": role} for kind, role in (("text", "input"), ("continuation", "target"))
    ]
    writers.write(onnx / "plays", False, task="text_generation", fields=fields, target={"kind": "continuation"})
    return root


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Server]:
    server = Server(root)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages that must neither ask another host for anything nor log an error, but those said to be meant."""
    opened: list[tuple[Any, list[str], list[str]]] = []

    def open_page(url: str, meant: str = "(?!)", **options: Any) -> Page:
        context = browser.new_context(**options)
        context.set_default_timeout(WAIT)
        page = context.new_page()
        errors: list[str] = []
        asked: list[str] = []
        page.on(
            "console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        opened.append((context, errors, asked))
        page.goto(url)
        page.meant = meant  # type: ignore[attr-defined]
        return page

    yield open_page
    for context, errors, asked in opened:
        meant = context.pages[0].meant
        context.close()
        assert [error for error in errors if not re.search(meant, error)] == []
        assert asked and all(url.startswith(("http://127.0.0.1:", "about:")) for url in asked)


def arc(x: float, y: float, wide: float, high: float, start: float, end: float) -> list[tuple[float, float]]:
    """Points of an ellipse about (x, y); angles in turns, clockwise from the right."""
    turns = np.linspace(start, end, 24)
    return [(x + wide * cos(2 * pi * turn), y + high * sin(2 * pi * turn)) for turn in turns]


# One way to write each digit, on a pad of side 1.
WRITTEN: dict[str, list[list[tuple[float, float]]]] = {
    "0": [arc(0.5, 0.5, 0.18, 0.3, -0.25, 0.75)],
    "1": [[(0.42, 0.3), (0.52, 0.2), (0.52, 0.8)]],
    "2": [[*arc(0.5, 0.36, 0.16, 0.16, -0.5, 0.1), (0.34, 0.8), (0.68, 0.8)]],
    "3": [[*arc(0.48, 0.35, 0.16, 0.15, -0.45, 0.22), *arc(0.48, 0.65, 0.18, 0.16, -0.22, 0.42)]],
    "4": [[(0.5, 0.2), (0.3, 0.58), (0.7, 0.58)], [(0.58, 0.4), (0.55, 0.82)]],
    "5": [[(0.66, 0.2), (0.38, 0.2), (0.36, 0.47), *arc(0.48, 0.62, 0.18, 0.18, -0.3, 0.4)]],
    "6": [[(0.58, 0.18), (0.42, 0.38), (0.35, 0.6), *arc(0.5, 0.65, 0.15, 0.15, 0.5, -0.5)]],
    "7": [[(0.34, 0.22), (0.66, 0.22), (0.46, 0.82)], [(0.38, 0.52), (0.62, 0.52)]],
    "8": [[*arc(0.5, 0.34, 0.13, 0.14, 0.25, -0.75), *arc(0.5, 0.65, 0.16, 0.17, -0.25, 0.75)]],
    "9": [[*arc(0.5, 0.36, 0.15, 0.15, 0, -1), (0.64, 0.5), (0.58, 0.82)]],
}


def write(page: Page, digit: str, size: float = 1.0, left: float = 0.0, top: float = 0.0) -> None:
    """Draw a digit with the mouse, scaled and moved."""
    page.locator("#field-image-pad").scroll_into_view_if_needed()
    box = page.locator("#field-image-pad").bounding_box()
    assert box is not None
    for stroke in WRITTEN[digit]:
        points = [
            (box["x"] + box["width"] * (left + size * x), box["y"] + box["height"] * (top + size * y))
            for x, y in stroke
        ]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()


def settled(page: Page) -> str:
    """Wait until the newest input is answered; return the best label."""
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#best-label")).not_to_have_text("–")
    return page.locator("#best-label").inner_text()


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def blank(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, height), 90).save(buffer, "PNG")
    return buffer.getvalue()


def file(content: bytes, name: str = "image.png", kind: str = "image/png") -> Any:
    return {"name": name, "mimeType": kind, "buffer": content}


def answer_of(server: Server, model: str, content: bytes, kind: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{server.url}/models/{model}", content, {"Content-Type": kind})
    answer: dict[str, Any] = json.loads(urllib.request.urlopen(request).read())
    return answer


def pasted(page: Page, content: bytes, event: str) -> None:
    """Paste a file, or drop it on the input."""
    page.evaluate(
        """([bytes, event]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "given.png", { type: "image/png" }));
          const options = { bubbles: true, cancelable: true };
          const sent = event === "paste"
            ? new ClipboardEvent("paste", { ...options, clipboardData: data })
            : new DragEvent("drop", { ...options, dataTransfer: data });
          document.getElementById("input").dispatchEvent(sent);
        }""",
        [list(content), event],
    )


def test_a_drawn_digit_is_answered_live(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    expect(page.locator("#status-text")).to_have_text("5 models ready")
    expect(page.locator("#bars li")).to_have_count(10)
    with page.expect_response(f"{server.url}/models/digits") as answered:
        write(page, "3")
    assert answered.value.request.headers["content-type"] == "image/png"
    best = settled(page)
    expect(page.locator("#bars .likeliest .label")).to_have_text(best)
    shares = [float(text.strip("> %")) for text in page.locator("#bars .share").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=1)
    expect(page.locator("#time-server")).to_have_text(re.compile(r"\d ms"))
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#best-label")).to_have_text("–")
    expect(page.locator("#field-image-hint")).to_be_visible()


def test_digits_of_any_size_and_place_look_like_the_rows(
    server: Server, project: Path, open_page: Callable[..., Page]
) -> None:
    shipped.built(project, "digits", "models/onnx")
    page = open_page(server.url)
    read = {}
    for digit in WRITTEN:
        write(page, digit)
        read[digit] = settled(page)
        page.locator("#field-image-clear").click()
    assert sum(digit == found for digit, found in read.items()) >= 9, read
    write(page, "5", size=0.4, left=0.5, top=0.05)
    assert settled(page) == "5"
    page.locator("#field-image-clear").click()
    write(page, "2", size=1.3, left=-0.15, top=-0.15)
    assert settled(page) == "2"


def test_the_keyboard_alone_is_enough(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    expect(page.locator("#bars li")).to_have_count(10)
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                """() => {
                  const at = document.activeElement;
                  const within = at.matches(".choices input, .switch input, .chooser");
                  const ringed = within ? at.nextElementSibling ?? at.parentElement : at;
                  return [at.id || at.name || at.textContent, getComputedStyle(ringed).outlineStyle];
                }"""
            )
        )
        if seen[-1][0] == "field-image-pad":
            break
    assert seen[-1][0] == "field-image-pad"
    assert all(style != "none" for _, style in seen), seen
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    settled(page)
    page.keyboard.press("Space")
    page.keyboard.press("Backspace")
    expect(page.locator("#best-label")).to_have_text("–")
    # And the other model, by the arrow keys of its radio button.
    page.locator("#model-choices input:checked").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#field-first")).to_be_visible()
    assert page.url.endswith("#pairs")


def test_a_text_is_answered_as_it_is_typed(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/#reviews")
    expect(page.locator("#field-text-count")).to_have_text("An example: type your own")
    page.get_by_label("Text").press_sequentially("the film was great")
    best = settled(page)
    served = answer_of(server, "reviews", b"the film was great", "text/plain")
    assert best == served["labels"][0]["label"]
    assert sorted(page.locator("#bars .label").all_inner_texts()) == ["negative", "positive"]
    expect(page.locator("#field-text-count")).to_have_text("18 of 2000 characters")
    page.get_by_label("Text").fill("")
    expect(page.locator("#best-label")).to_have_text("–")
    expect(page.locator("#field-text-count")).to_have_text("0 of 2000 characters")
    page.get_by_label("Text").fill("good " * 500)
    expect(page.locator("#field-text-count")).to_have_text("2500 of 2000 characters; the rest is not read")


def test_an_answer_is_there_on_opening_and_the_first_own_input_takes_its_place(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page("about:blank")
    with page.expect_request(f"{server.url}/models/digits") as sent:
        page.goto(server.url)
    assert sent.value.headers["x-chainrule-example"] == "yes"
    settled(page)
    expect(page.locator("#field-image-hint")).to_have_text("An example: draw over it")
    example = page.locator("#field-image-seen").evaluate("canvas => canvas.toDataURL()")
    with page.expect_request(f"{server.url}/models/digits") as sent:
        write(page, "1")
    assert "x-chainrule-example" not in sent.value.headers
    expect(page.locator("#field-image-hint")).to_be_hidden()
    alone = page.locator("#field-image-seen").evaluate("canvas => canvas.toDataURL()")
    assert alone != example
    page.locator("#field-image-clear").click()
    write(page, "1")
    assert (
        page.locator("#field-image-seen").evaluate("canvas => canvas.toDataURL()") == alone
    )  # nothing of the example was in it
    with page.expect_request(f"{server.url}/models/reviews") as sent:
        page.locator("#model-choices label").filter(has_text="reviews").click()
    assert sent.value.headers["x-chainrule-example"] == "yes"
    settled(page)
    field = page.get_by_label("Text")
    assert len(field.input_value()) > 20
    field.click()
    page.keyboard.press("End")
    with page.expect_request(f"{server.url}/models/reviews") as sent:
        page.keyboard.type("great")
    assert "x-chainrule-example" not in sent.value.headers
    expect(field).to_have_value("great")


def test_of_what_nobody_knows_there_is_no_example(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page("about:blank")
    answers = {"digits": described(server, "digits", target={"classes": list("abcdefghij")}), "reviews": ""}
    answers["reviews"] = described(server, "reviews", target={"classes": ["sport", "politics"]})
    page.route(
        f"{server.url}/models",
        lambda route: route.fulfill(body=answers[model], content_type="application/json"),
    )
    for model, hint in (("digits", "#field-image-hint"), ("reviews", "#field-text-count")):
        page.goto("about:blank")
        page.goto(f"{server.url}/#{model}")
        expect(page.locator(hint)).to_have_text({"digits": "Draw here", "reviews": "0 of 2000 characters"}[model])
        expect(page.locator("#best-label")).to_have_text("–")


def test_a_model_of_chinese_begins_with_a_chinese_text(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page("about:blank")
    rules = {"text": {"normalise": {"blanks": "words", "max_characters": 2000, "long": "cut"}}}
    answer = described(server, "reviews", target={"classes": ["差评", "好评"]}, preprocessing=rules)
    page.route(f"{server.url}/models", lambda route: route.fulfill(body=answer, content_type="application/json"))
    page.goto(f"{server.url}/#reviews")
    box = page.locator("#field-text")
    expect(box).to_have_attribute("lang", "zh")
    expect(box).to_have_value(re.compile("房间.*早餐"))


ACCURACY = {"name": "accuracy", "more_is_better": True, "unit": "share"}


def quality(value: float, low: float, high: float, floor: float = 0.823, **primary: Any) -> dict[str, Any]:
    return {
        "primary": {**ACCURACY, **primary, "value": value, "low": low, "high": high},
        "floor": {"name": "naive_bayes", "value": floor},
    }


STANDINGS = [
    (quality(0.83, 0.81, 0.85), "Not clearly better than its floor. Accuracy 0.830"),
    (quality(0.9, 0.85, 0.95), "Accuracy 0.900 (0.850 to 0.950); a simple model trained on the same rows"),
    (None, None),
    ({"primary": {"name": "accuracy"}, "floor": None}, None),
    (
        quality(0.5, 0.4, 0.6, name="mean_error", more_is_better=False, unit="minutes"),
        "Mean error 0.5 minutes (0.4 to 0.6); a simple model",
    ),
    (quality(0.768, 0.75, 0.786), "Under its floor. Accuracy 0.768 (0.750 to 0.786); a simple model"),
]


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_where_a_model_stands_beside_its_floor_comes_first(
    server: Server, open_page: Callable[..., Page], tmp_path: Path, width: int, scheme: Any
) -> None:
    page = open_page("about:blank", viewport={"width": width, "height": 800}, color_scheme=scheme)
    answer = ""
    page.route(f"{server.url}/models", lambda route: route.fulfill(body=answer, content_type="application/json"))
    standing = page.locator("#standing")
    for found, says in STANDINGS:
        answer = described(server, "digits", quality=found)
        page.goto(server.url)
        settled(page)
        under = found is STANDINGS[-1][0]
        expect(page.locator("#model-choices .floor")).to_have_count(1 if under else 0)
        expect(page.locator("#status-text")).to_have_text(
            "1 model ready, 1 under its floor" if under else "1 model ready"
        )
        if says is None:
            expect(standing).to_be_hidden()
        else:
            expect(standing).to_be_in_viewport()
            expect(standing).to_contain_text(says)
            expect(standing).to_contain_text("naive bayes, has 0.823")
            box, bench = standing.bounding_box(), page.locator("#try").bounding_box()
            assert box is not None and bench is not None and box["y"] + box["height"] <= bench["y"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    folder = Path(os.environ.get("CHAINRULE_SCREENSHOTS", tmp_path))
    page.screenshot(path=folder / f"standing-{width}-{scheme}.png")


def test_a_text_that_is_no_good_is_said_in_words(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/#reviews", meant="status of 400")
    page.get_by_label("Text").fill("<p></p>")
    expect(page.locator("#problem")).to_contain_text("The text is empty")
    page.get_by_label("Text").fill("a good film")
    expect(page.locator("#problem")).to_be_empty()
    settled(page)


def test_the_newest_input_wins_however_slow_an_answer_is(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/#reviews")
    slow = [1.0, 0.0, 0.3]

    def delay(route: Any) -> None:
        time.sleep(slow.pop(0) if slow else 0)
        route.continue_()

    page.route(f"{server.url}/models/reviews", delay)
    page.get_by_label("Text").press_sequentially("bad poor bad great good", delay=60)
    served = answer_of(server, "reviews", b"bad poor bad great good", "text/plain")
    first = served["labels"][0]
    assert settled(page) == first["label"]
    expect(page.locator("#spoken")).to_have_text(f"{first['label']}, {100 * first['probability']:.1f} %")


@pytest.mark.parametrize("how", ["choose", "paste", "drop"])
def test_an_image_is_chosen_pasted_or_dropped(server: Server, open_page: Callable[..., Page], how: str) -> None:
    page = open_page(server.url)
    expect(page.locator("#bars li")).to_have_count(10)
    if how == "choose":
        page.get_by_text("Image", exact=True).click()
        page.locator("#field-image-chooser").set_input_files(file(png()))
    else:
        pasted(page, png(), how)
    served = answer_of(server, "digits", png(), "image/png")
    assert settled(page) == served["labels"][0]["label"]
    expect(page.locator("#field-image-shown")).to_be_visible()
    expect(page.locator("#field-image-note")).to_contain_text("8 × 8")
    page.get_by_text("Draw", exact=True).click()
    expect(page.locator("#best-label")).to_have_text("–")


def test_an_image_too_large_for_the_model_is_made_smaller(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    page.get_by_text("Image", exact=True).click()
    with page.expect_request(f"{server.url}/models/digits") as sent:
        page.locator("#field-image-chooser").set_input_files(file(blank(3500, 3000), "large.png"))
    assert sent.value.headers["content-type"] == "image/png"
    settled(page)
    expect(page.locator("#field-image-note")).to_have_text("large.png, 3500 × 3000, sent as 1024 × 878")


def test_a_file_that_is_no_image_is_said_in_words(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url, meant="status of 400")
    page.get_by_text("Image", exact=True).click()
    page.locator("#field-image-chooser").set_input_files(file(b"%PDF-1.7", "a.pdf", "application/pdf"))
    expect(page.locator("#problem")).to_contain_text("not an image")
    page.locator("#field-image-chooser").set_input_files(file(png()[:60]))
    expect(page.locator("#problem")).to_contain_text("The image cannot be read")
    page.locator("#field-image-chooser").set_input_files(file(png()))
    settled(page)
    expect(page.locator("#problem")).to_be_empty()


def test_card_scores_and_variants_are_shown(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/#reviews")
    expect(page.locator("#scores tbody tr")).to_have_count(1)
    expect(page.locator("#scores tbody tr")).to_contain_text("0.850 – 0.950")
    expect(page.locator("#variants tbody th")).to_have_text("fp32 served")
    expect(page.locator("#versions-section")).to_be_hidden()  # there is but one
    expect(page.locator("#card")).to_contain_text("A tiny model.")
    expect(page.locator("#program")).to_contain_text(f"curl {server.url}/models/reviews")
    expect(page.locator("#answered-by")).to_contain_text("Version 0")


def test_the_metadata_of_a_card_are_not_shown(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    card = "---\nlicense: other\ntags:\n- chainrule\n---\n# reviews\n\nA tiny model.\n\n---\n\nMore.\n"
    page.route("**/card", lambda route: route.fulfill(body=card, content_type="text/markdown"))
    page.reload()
    expect(page.locator("#card")).to_contain_text("More.")
    expect(page.locator("#card")).not_to_contain_text("license")
    expect(page.locator("#card h3")).to_have_count(0)  # the page has said whose card it is


def test_a_hostile_card_stays_text(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    hostile = (
        "# t\n\n<img src=x onerror=alert(1)> <script>alert(1)</script>\n\n- [go](javascript:alert(1)) `<b>`\n\n"
        "| a | **b** |\n|---|---|\n| [ok](https://example.org/x) | <i>c</i> |\n\n## <u>h</u>\n\n```\n<p>\n```\n"
        "see https://example.org/y.\n\n> **WARNING: <s>low</s>.** Read\n> on\n"
    )
    page.route("**/card", lambda route: route.fulfill(body=hostile, content_type="text/markdown"))
    page.reload()
    expect(page.locator("#card")).to_contain_text("<script>alert(1)</script>")
    expect(page.locator("#card")).to_contain_text("[go](javascript:alert(1))")
    for name in ("img", "script", "b", "i", "u"):
        expect(page.locator(f"#card {name}")).to_have_count(0)
    links = page.locator("#card a").evaluate_all("links => links.map(link => link.href)")
    assert links == ["https://example.org/x", "https://example.org/y"]
    expect(page.locator("#card td").nth(1)).to_have_text("<i>c</i>")
    expect(page.locator("#card blockquote")).to_have_text("WARNING: <s>low</s>. Read on")


def described(server: Server, model: str, **changes: Any) -> str:
    """What `GET /models` says, of one model only and with changes."""
    with urllib.request.urlopen(f"{server.url}/models") as response:
        (found,) = (entry for entry in json.loads(response.read()) if entry["name"] == model)
    return json.dumps([found | changes])


def test_a_new_version_shows_up_and_the_input_stays(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/#reviews")
    page.get_by_label("Text").fill("a good film")
    settled(page)
    newer = described(server, "reviews", version="7")
    page.route(f"{server.url}/models", lambda route: route.fulfill(body=newer, content_type="application/json"))
    answer = json.dumps(answer_of(server, "reviews", b"a good film", "text/plain") | {"version": "7"})
    page.route(f"{server.url}/models/reviews", lambda route: route.fulfill(body=answer))
    page.get_by_label("Text").press_sequentially(" ")
    expect(page.locator("#answered-by")).to_contain_text("Version 7")
    expect(page.locator("#model-choices")).to_have_text("reviewsv7")
    expect(page.get_by_label("Text")).to_have_value("a good film ")


@pytest.mark.parametrize("width", [360, 1280])
def test_the_versions_kept_are_compared(
    server: Server, open_page: Callable[..., Page], tmp_path: Path, width: int
) -> None:
    def version(number: str, accuracy: float, **variants: Any) -> dict[str, Any]:
        about = {"accuracy": ("Accuracy", True), "macro_f1": ("Macro F1", True), "log_loss": ("Log-loss", False)}
        scores = {
            name: {"title": title, "more_is_better": more, "value": accuracy, "low": 0.8, "high": 1.0}
            for name, (title, more) in about.items()
        }
        return {"version": number, "champion": number == "12", "scores": scores, "variants": variants}

    int8 = {"file": "model.int8.onnx", "bytes": 61_000, "primary": 0.9}
    kept = [
        version("12", 0.95, fp32={"file": "model.onnx", "bytes": 258_000, "primary": 0.9512}, int8=int8),
        version("11", 0.9, fp32={"file": "model.onnx"}),
        {"version": "10", "champion": False, "scores": None, "variants": None},
    ]
    page = open_page("about:blank", viewport={"width": width, "height": 800})
    answer = described(server, "digits", version="12", versions=kept)
    page.route(f"{server.url}/models", lambda route: route.fulfill(body=answer, content_type="application/json"))
    page.goto(server.url)
    rows = page.locator("#versions tbody tr")
    expect(rows).to_have_count(3)
    assert page.locator("#versions thead th").all_inner_texts() == ["Version", "Accuracy", "Log-loss", "Variants"]
    expect(rows.nth(0).locator("th")).to_have_text("v12 champion")
    expect(rows.nth(0)).to_contain_text("0.950")
    expect(rows.nth(0)).to_contain_text("fp32258 kB · 95.12 %")
    expect(rows.nth(0)).to_contain_text("int861 kB · 90.00 %")
    expect(rows.nth(1).locator("th")).to_have_text("v11")
    expect(rows.nth(2)).to_contain_text("–")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#versions").focus()  # a keyboard scrolls it where it is too wide
    assert page.evaluate("document.activeElement.id") == "versions"
    folder = Path(os.environ.get("CHAINRULE_SCREENSHOTS", tmp_path))
    page.screenshot(path=folder / f"versions-{width}.png", full_page=True)


def test_of_many_labels_the_likeliest_are_shown(server: Server, open_page: Callable[..., Page]) -> None:
    labels = [f"label {number}" for number in range(100)]
    shares = [{"label": label, "probability": 0.5 ** (rank + 1)} for rank, label in enumerate(reversed(labels))]
    many = described(server, "reviews", target={"classes": labels})
    answer = json.dumps({"model": "reviews", "version": "0", "labels": shares, "milliseconds": 1.0})
    page = open_page("about:blank")
    page.route(f"{server.url}/models", lambda route: route.fulfill(body=many, content_type="application/json"))
    page.route(f"{server.url}/models/reviews", lambda route: route.fulfill(body=answer))
    page.goto(server.url)
    expect(page.locator("#more")).to_have_text("The 10 likeliest of 100 labels")
    page.get_by_label("Text").fill("anything")
    assert settled(page) == "label 99"
    assert page.locator("#bars .label").all_inner_texts() == labels[:-11:-1]


def test_two_fields_are_two_boxes_and_one_request(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/#pairs", meant="status of 400")
    page.get_by_label("First").fill("a good film")
    expect(page.locator("#best-label")).to_have_text("–")  # half an item is none
    with page.expect_request(f"{server.url}/models/pairs") as sent:
        page.get_by_label("Second").fill("a bad plot")
    assert sent.value.headers["content-type"] == "application/json"
    pair = {"first": "a good film", "second": "a bad plot"}
    assert sent.value.post_data_json == pair and "x-chainrule-example" not in sent.value.headers
    served = answer_of(server, "pairs", json.dumps(pair).encode(), "application/json")
    assert settled(page) == served["labels"][0]["label"]
    expect(page.locator("#program")).to_contain_text('{"first":"A text","second":"A text"}')
    page.get_by_label("Second").fill("<p></p>")
    expect(page.locator("#problem")).to_contain_text("Second: the text is empty")
    page.get_by_label("First").fill("")
    expect(page.locator("#problem")).to_be_empty()


def test_a_row_is_asked_for_by_its_columns(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page("about:blank")
    with page.expect_request(f"{server.url}/models/titanic") as sent:
        page.goto(f"{server.url}/#titanic")
    usual = {"Age": 28, "Fare": 14.5, "Sex": "male", "Sailed": "1912-04-10", "Alone": True, "Remark": None}
    assert sent.value.post_data_json == usual and sent.value.headers["x-chainrule-example"] == "yes"
    settled(page)
    expect(page.locator("#field-row-said")).to_contain_text("What is usual in the training rows")
    expect(page.locator(".column small").first).to_have_text("1 to 80")
    expect(page.locator("#program")).to_contain_text('"Sailed":"1912-04-10"')
    with page.expect_request(f"{server.url}/models/titanic") as sent:
        page.get_by_label("Sex").select_option("female")
    assert sent.value.post_data_json == usual | {"Sex": "female"}
    assert "x-chainrule-example" not in sent.value.headers
    with page.expect_request(f"{server.url}/models/titanic") as sent:
        page.get_by_label("Age").fill("100")
    assert sent.value.post_data_json["Age"] == 100
    expect(page.locator(".column .odd")).to_have_text("outside of training: 1 to 80")
    with page.expect_request(f"{server.url}/models/titanic") as sent:
        page.get_by_label("Sailed").fill("")
    row = usual | {"Sex": "female", "Age": 100, "Sailed": None}
    assert sent.value.post_data_json == row
    served = answer_of(server, "titanic", json.dumps(row).encode(), "application/json")
    assert settled(page) == served["labels"][0]["label"]
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#best-label")).to_have_text("–")  # a row of nothing is none
    page.get_by_role("button", name="Usual values").click()
    settled(page)


def test_what_was_not_taken_as_it_came_stands_below_the_answer(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/#titanic")
    settled(page)
    many = {f"class {at}": at for at in range(1, 60)}

    def more(route: Any) -> None:
        found = route.fetch().json()
        for model in found:
            for column in model["preprocessing"].get("row", {}).get("columns", []):
                if column["name"] == "Sex":
                    column["values"] = list(many)
        route.fulfill(json=found)

    page.route(f"{server.url}/models", more)
    page.reload()
    page.get_by_label("Sex").fill("a dog")  # of many categories one is typed, and may be another
    expect(page.locator("#notes li")).to_contain_text('"a dog" is no category of the training rows')
    expect(page.locator(".column .odd")).to_have_text("not met in training")
    page.get_by_label("Sex").fill("")
    expect(page.locator("#notes li")).to_have_count(0)


def explained(page: Page) -> str:
    """Ask why; return what is said."""
    page.click("#why-ask")
    expect(page.locator("#why[aria-busy=false] #why-shown .quiet").first).to_be_visible()
    return page.locator("#why-shown").inner_text()


def test_a_text_is_explained_by_its_words_until_it_changes(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/#reviews")
    page.fill("#field-text", "good plot")
    settled(page)
    why = answer_of(server, "reviews?explain=occlusion", b"good plot", "text/plain")["explanation"]
    said = explained(page)
    weights = {part["text"]: part["weight"] for part in why["parts"]}
    strongest = max(weights, key=lambda word: abs(weights[word]))
    assert f"{strongest}{'+' if weights[strongest] > 0 else '−'}" in said
    assert why["explained"] in said and "left out" in said
    page.fill("#field-text", "bad plot")
    expect(page.locator("#why-shown")).to_be_empty()


def test_an_image_is_explained_by_its_tiles_and_says_where_the_strongest_are(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{server.url}/#digits")
    page.locator("label", has_text="Image").first.click()
    page.set_input_files("#field-image-chooser", file(png()))
    settled(page)
    page.select_option("#why-method", "shap")
    assert "Strongest:" in explained(page)
    assert page.locator(".covered rect").count() == 49
    assert "Strongest:" in (page.locator(".covered svg").get_attribute("aria-label") or "")


def test_a_row_is_explained_by_its_columns_and_a_pair_by_both_texts(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{server.url}/#titanic")
    settled(page)
    said = explained(page)
    assert "Age" in said and "what is usual in the column" in said
    page.goto(f"{server.url}/#pairs")
    page.fill("#field-first", "good plot")
    page.fill("#field-second", "poor film")
    settled(page)
    assert "poor" in explained(page)


def test_a_model_without_a_form_says_where_it_can_be_asked(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page("about:blank")
    unknown = described(server, "reviews", task="embedding", view=None)
    page.route(f"{server.url}/models", lambda route: route.fulfill(body=unknown, content_type="application/json"))
    page.goto(server.url)
    expect(page.locator("#problem")).to_contain_text("programs can ask it under /v2")


def test_an_address_that_names_no_model_shows_the_first(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/#%")
    expect(page.locator("#models input:checked")).to_have_value("digits")
    page.evaluate("location.hash = '#%E0'")
    page.evaluate("location.hash = '#reviews'")
    expect(page.locator("#models input:checked")).to_have_value("reviews")


def test_without_a_model_the_page_says_what_to_do(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page("about:blank")
    page.route(f"{server.url}/models", lambda route: route.fulfill(body="[]", content_type="application/json"))
    page.goto(server.url)
    expect(page.locator("#nothing")).to_contain_text("dvc repro")
    expect(page.locator("#try")).to_be_hidden()
    page.unroute(f"{server.url}/models")
    expect(page.locator("#status-text")).to_have_text("5 models ready")
    expect(page.locator("#nothing")).to_be_hidden()


def test_policy_and_page_need_nothing_inline(server: Server) -> None:
    with urllib.request.urlopen(server.url) as response:
        policy = response.headers["Content-Security-Policy"]
        html = response.read().decode()
    assert "unsafe" not in policy
    assert re.search(r"default-src '(self|none)'", policy)
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", html)
    assert not re.search(r"(src|href)=\"(https?:)?//", html)


def test_a_server_that_goes_away_and_comes_back(root: Path, open_page: Callable[..., Page]) -> None:
    server = Server(root)
    try:
        page = open_page(f"{server.url}/#reviews", meant="ERR_CONNECTION|status of (404|503)")
        expect(page.locator("#status-text")).to_have_text("5 models ready")
        expect(page.get_by_label("Text")).to_be_visible()
        server.stop()
        page.get_by_label("Text").fill("a good film")
        expect(page.locator("#problem")).to_contain_text("The server does not answer")
        server.start()
        settled(page)
        expect(page.locator("#problem")).to_be_empty()
    finally:
        server.stop()


def test_a_server_with_a_token_asks_for_it(root: Path, open_page: Callable[..., Page]) -> None:
    server = Server(root, CHAINRULE_TOKEN=TOKEN)
    try:
        page = open_page(server.url, meant="status of 401")
        expect(page.locator("#token")).to_be_focused()
        page.keyboard.type("a wrong token, though long enough")
        page.keyboard.press("Enter")
        expect(page.locator("#token-problem")).to_contain_text("does not take this token")
        page.locator("#token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(page.locator("#token-form")).to_be_hidden()
        write(page, "0")
        settled(page)
        page.reload()
        expect(page.locator("#status-text")).to_have_text("5 models ready")
        kept = page.evaluate("[Object.values(sessionStorage), Object.values(localStorage), document.cookie]")
        assert kept == [[TOKEN], [], ""]
        settled(page)
        page.goto("about:blank")  # it asks nothing more of a server that ends
    finally:
        server.stop()


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("model", ["digits", "reviews", "pairs", "titanic"])
def test_it_fits_every_screen(
    server: Server, open_page: Callable[..., Page], tmp_path: Path, width: int, scheme: Any, model: str
) -> None:
    page = open_page(
        f"{server.url}/#{model}", viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width == 360
    )
    if model == "digits":
        expect(page.locator("#bars li")).to_have_count(10)
        write(page, "5")
    elif model == "reviews":
        page.get_by_label("Text").fill("the plot was fine, the film great")
    elif model == "pairs":
        page.get_by_label("First").fill("the plot was fine")
        page.get_by_label("Second").fill("the film great")
    settled(page)
    expect(page.locator("#card")).not_to_be_empty()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    unnamed = page.evaluate(
        """[...document.querySelectorAll("button, input, textarea, canvas")].filter((node) => node.checkVisibility())
          .filter((node) => !(node.labels?.length || node.ariaLabel || node.textContent.trim()))
          .map((node) => node.outerHTML)"""
    )
    assert unnamed == []
    folder = Path(os.environ.get("CHAINRULE_SCREENSHOTS", tmp_path))
    page.screenshot(path=folder / f"{model}-{width}-{scheme}.png", full_page=True)


def test_touch_draws_too(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    expect(page.locator("#bars li")).to_have_count(10)
    page.locator("#field-image-pad").tap()
    settled(page)
    assert page.locator("#field-image-pad").evaluate("pad => getComputedStyle(pad).touchAction") == "none"


def test_motion_is_left_out_where_it_is_not_wanted(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url, reduced_motion="reduce")
    expect(page.locator("#bars li")).to_have_count(10)
    assert page.locator(".fill").first.evaluate("fill => getComputedStyle(fill).transitionDuration") == "0s"


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_have_enough_contrast(project: Path, scheme: int) -> None:
    css = (project / "src" / "chainrule" / "serving" / "page" / "page.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colour = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[scheme]))
    wanted = {"text": 7.0, "quiet": 4.5, "accent": 4.5, "bad": 4.5, "edge": 3.0}
    for ground in ("paper", "sheet"):
        for name, least in wanted.items():
            light, dark = sorted((luminance(colour[name]), luminance(colour[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= least, (name, ground)


def test_a_text_that_goes_on_is_written_token_by_token_with_their_probabilities(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{server.url}/#plays")
    page.get_by_label("text").fill("a bee.")
    told = answer_of(server, "plays", json.dumps({"text": "a bee."}).encode(), "application/json")
    expect(page.locator("#about-text")).to_have_text(re.compile(f"^{told['tokens']} tokens?, of a probability"))
    assert page.locator("#text").text_content() == told["text"]
    expect(page.locator("#why-ask")).to_be_hidden()  # what is written has no one answer to be explained
    tokens = page.locator("#text span")
    assert tokens.count() > 1
    titles = [str(tokens.nth(at).get_attribute("title")) for at in range(tokens.count())]
    assert all(re.fullmatch(r'(".*" [\d.e-]+ %( · |\n)?){4,}', title, re.DOTALL) for title in titles)
