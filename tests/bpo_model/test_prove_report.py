"""The report in a real browser: every text is text, nothing is loaded, filters and keys work."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bpo_model.compare.endpoint import ModelSpec
from bpo_model.prove.command import prove
from bpo_model.prove.pairs import Pair
from bpo_model.prove.pairs_page import pair_html
from bpo_model.prove.prompts import Case, read_prompts
from bpo_model.prove.run import Setup
from bpo_model.testing import FakeOptimizer
from tests.bpo_model.prove_endpoint import Endpoint, prefers
from tests.evals.simulated import verdict

HOSTILE = [
    'what does </script><script>document.title="owned"</script> do?',
    "explain <img src=x onerror='document.title=1'> and <!-- a comment",
    "why is \"a\" & 'b' < c > d &lt; e &amp;lt; f?",
    "what is ]]> or </style><style>body{display:none}</style> for?",
    'say <svg onload=document.title="owned"> </pre></details></body></html> twice',
    "explain \u202eright to left\u202c and a\x0bvertical tab",
]
PLAIN = [f"what is special about topic {number}?" for number in range(6)]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run on hostile prompts, with a target and a judge that repeat what they are told."""
    folder, endpoint = tmp_path_factory.mktemp("report"), Endpoint()
    file = folder / "prompts.csv"
    quoted = ("{}".format(text.replace('"', '""')) for text in [*HOSTILE, *PLAIN])
    file.write_text("prompt\n" + "".join(f'"{text}"\n' for text in quoted), encoding="utf-8")
    endpoint.target = lambda text: f"{text} </script><b>bold</b>"
    endpoint.judge = lambda text: f"</pre><script>document.title='owned'</script>{prefers('Please')(text)}"
    target, judge = (ModelSpec(endpoint.url, name, None, 1.0, 2.0) for name in ("target", "judge"))
    rewrite = FakeOptimizer(lambda text: text if text in PLAIN[:2] else f"{text} Please explain your answer & why.")
    setup = Setup(read_prompts(file).cases, rewrite, "fake", target, judge, folder / "run")
    prove(setup, worth=5, yes=True, dry_run=False)
    endpoint.close()
    return folder / "run" / "report.html"


@pytest.fixture(scope="module")
def browser(report: Path) -> Iterator[Any]:
    """Chromium without a window; the report first, since playwright keeps an event loop in this thread."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is missing")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on this machine to show the report in")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """The report as a file; whatever it complains of or asks the network for fails the test."""
    page, wrong = browser.new_page(viewport={"width": 1100, "height": 900}), []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if "report.html" not in request.url else None)
    page.set_default_timeout(5000)
    page.goto(report.as_uri())
    yield page
    page.close()
    assert wrong == []


def shown(page: Any) -> int:
    return int(page.locator(".pair:visible").count())


def test_hostile_texts_are_shown_as_they_are(page: Any) -> None:
    assert page.title() == "bpo prove: keep"
    assert page.locator(".pair").count() == len(HOSTILE) + len(PLAIN)
    assert page.locator("script").count() == 1
    assert page.locator("pre b, pre img, pre svg, pre script").count() == 0
    originals = page.locator(".pair h3:has-text('answer to the original') + pre").all_text_contents()
    wanted = {f"{text} </script><b>bold</b>" for text in [*HOSTILE[:-1], *PLAIN[2:]]}
    assert set(originals) == wanted
    left_alone = page.locator(".pair[data-outcome=unchanged] pre").all_text_contents()
    assert set(left_alone) == {HOSTILE[-1], *PLAIN[:2]}


def test_the_diff_marks_what_was_inserted(page: Any) -> None:
    page.locator(".pair summary").first.click()
    assert page.locator(".pair[open] ins").first.text_content() == " Please explain your answer & why."


def test_every_stretch_of_a_diff_is_escaped() -> None:
    record = {"status": "ok", "changed": True, "original": "<i>a</i> x <b>", "text": "b x <b> <u>c</u>"}
    judged = verdict("1", "a")
    shown = pair_html(Pair(Case("1", 1, "q", "<q>"), record, (judged, judged)))
    assert not {"<i>", "<u>", "<b>", "</i>", "<q>"} & set(re.findall(r"</?\w+>", shown))
    assert "<del>&lt;i&gt;a&lt;/i&gt;</del><ins>b</ins> x &lt;b<ins>&gt; &lt;u&gt;c" in shown


def test_the_page_forbids_itself_everything_else(browser: Any, report: Path) -> None:
    assert "http" not in report.read_text(encoding="utf-8").replace("http-equiv", "")
    page, said = browser.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto(report.as_uri())
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'document.title = 1';"
        " document.body.append(s); const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; }"
    )
    assert page.title() == "bpo prove: keep"
    assert sum("Content Security Policy" in text for text in said) == 2
    page.close()


def test_filters_and_search_find_pairs(page: Any) -> None:
    assert shown(page) == 12
    page.get_by_role("button", name="unchanged 3").click()
    assert shown(page) == 3
    page.get_by_role("button", name="won 9").click()
    assert shown(page) == 9
    page.get_by_label("search all texts").fill("TOPIC 4")
    assert shown(page) == 1
    assert page.locator("#shown").text_content() == "1 of 12 shown"
    page.get_by_role("button", name="all 12").click()
    page.get_by_label("search all texts").fill("</script>")
    assert shown(page) == 9


def test_it_works_from_the_keyboard(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("topic 1")
    assert shown(page) == 1
    page.keyboard.press("Escape")
    assert shown(page) == 12
    page.get_by_role("button", name="won 9").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="won 9").get_attribute("aria-pressed") == "true"
    page.locator(".pair:visible summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".pair[open]").count() == 1


@pytest.mark.parametrize("width", [320, 390, 1400])
def test_no_width_needs_scrolling_sideways(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_and_light_are_readable(browser: Any, report: Path) -> None:
    for scheme, dark in (("dark", True), ("light", False)):
        page = browser.new_page(color_scheme=scheme)
        page.goto(report.as_uri())
        ink, paper = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        brightness = [sum(map(int, one[4:-1].split(","))) for one in (ink, paper)]
        assert (brightness[0] > brightness[1]) == dark
        assert abs(brightness[0] - brightness[1]) > 450
        page.close()


def test_without_scripts_everything_is_there(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert shown(page) == 12
    assert page.locator(".tools").is_hidden()
    context.close()
