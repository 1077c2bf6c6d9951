"""The page of `bpo ui` in real headless Chromium: what a user sees, types and presses."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect

from bpo_model import PromptOptimizer
from bpo_model.checkpoint import load_checkpoint
from bpo_model.config import Options
from bpo_model.feedback import read
from bpo_model.testing import FakeOptimizer
from tests.bpo_model.ui_browser import Visits, browser, rewrite, visits
from tests.bpo_model.ui_server import Patient, serving

from bpo_model.ui.app import Ui  # isort: skip  # the helper skips where the extra is missing

__all__ = ["browser", "visits"]  # fixtures
ADDED = " Please explain your answer."
NASTY = ("<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "<svg onload=alert(1)>{{7*7}}${7*7}")


@pytest.fixture(scope="module")
def feedback(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ui") / "feedback.jsonl"


@pytest.fixture(scope="module")
def url(feedback: Path) -> Iterator[str]:
    with serving(Ui(FakeOptimizer(options=Options()), feedback)) as address:
        yield address


def test_by_keyboard_alone_a_prompt_is_typed_rewritten_accepted_edited_and_reverted(
    visits: Visits, feedback: Path, url: str
) -> None:
    page = visits.open(url)
    feedback.unlink(missing_ok=True)
    expect(page.locator("#prompt")).to_be_focused()
    page.keyboard.type("tell me about area")  # its letters are shortcuts elsewhere
    page.keyboard.press("Control+Enter")
    expect(page.locator("#result")).to_be_focused()
    expect(page.get_by_role("heading", name="Rewritten and verified")).to_be_visible()
    expect(page.locator("#changes ins")).to_contain_text(ADDED)
    expect(page.locator("#live")).to_have_text(re.compile("Rewritten and verified, 1 marked"))
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Accept", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#kept")).to_have_text("You keep the rewrite. Stored.")
    page.keyboard.press("e")
    expect(page.get_by_label("Your version")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("Explain area.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#changes del")).to_contain_text("tell me about")
    expect(page.locator("#result")).to_be_focused()
    page.keyboard.press("r")
    expect(page.locator("#kept")).to_have_text("You keep your prompt as it was. Stored.")
    expect(page.locator("#changes")).to_have_text("tell me about area")
    page.keyboard.press("Escape")
    expect(page.locator("#prompt")).to_be_focused()
    assert [row.verdict for row in read(feedback)[0]] == ["accepted", "edited", "reverted"]
    assert read(feedback)[0][1].kept == "Explain area."


def test_changes_are_told_by_color_by_line_and_in_words(visits: Visits, url: str) -> None:
    page = visits.open(url)
    rewrite(page, "tell me about tea")
    added = page.locator("#changes ins")
    expect(added).to_have_text(f"[added: {ADDED}]", use_inner_text=False)
    line, wash, paper = added.evaluate(
        "node => [getComputedStyle(node).textDecorationLine, getComputedStyle(node).backgroundColor,"
        " getComputedStyle(document.body).backgroundColor]"
    )
    assert (line, wash != paper) == ("underline", True)
    page.locator("#passed summary").click()
    expect(page.locator("#passed-list")).to_contain_text("Every number of the prompt is in the rewrite")
    expect(page.locator("#strategy-list")).to_contain_text("Asks for reasons or an explanation")


@pytest.mark.parametrize("prompt", NASTY)
def test_html_in_prompts_rewrites_and_edits_stays_text(visits: Visits, prompt: str) -> None:
    rejected = FakeOptimizer(lambda text: f"Look: {prompt} http://evil.example/ {text}")
    with serving(Ui(rejected)) as address:
        page = visits.open(address)
        rewrite(page, f"tell me about {prompt}")
        expect(page.locator("#changes")).to_contain_text(prompt)
        expect(page.locator("#rejected-list")).to_contain_text(f"Look: {prompt}")
        page.keyboard.press("e")
        page.get_by_label("Your version").fill(f"{prompt}{prompt}")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#history-list")).to_contain_text(prompt)
        assert page.locator("main :is(img, svg, script, iframe)").count() == 0


def test_what_is_left_alone_says_why_offers_no_accept_and_can_be_insisted_on(visits: Visits, url: str) -> None:
    page = visits.open(url)
    rewrite(page, "what is 17 * 3?")
    expect(page.get_by_role("heading", name="Left as it was")).to_be_visible()
    expect(page.locator("#why")).to_have_text("It is a calculation, where rewriting is known to hurt.")
    expect(page.get_by_role("button", name="Accept", exact=True)).to_be_hidden()
    page.keyboard.press("a")  # does nothing
    expect(page.locator("#kept")).to_be_hidden()
    page.get_by_role("button", name="Rewrite anyway").click()
    expect(page.locator("#changes ins")).to_contain_text(ADDED)


def test_the_session_is_listed_can_be_reopened_and_ends_with_the_page(visits: Visits, url: str) -> None:
    page = visits.open(url)
    rewrite(page, "tell me about tea")
    page.keyboard.press("a")
    expect(page.locator("#history-list li")).to_contain_text("accepted")
    rewrite(page, "hello")
    page.locator("#history-list button").last.click()
    expect(page.locator("#prompt")).to_have_value("tell me about tea")
    expect(page.get_by_role("button", name="Accept", exact=True)).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.locator("#history-list li")).to_have_count(0)
    assert page.context.cookies() == []
    assert page.context.storage_state()["origins"] == []


def test_an_empty_prompt_asks_for_one_and_a_server_that_has_gone_is_named(visits: Visits) -> None:
    with serving(Ui(FakeOptimizer())) as address:
        page = visits.open(address)
        page.get_by_role("button", name="Rewrite").click()
        expect(page.get_by_role("alert")).to_have_text("Type a prompt first.")
    page.locator("#prompt").fill("tell me about tea")
    page.get_by_role("button", name="Rewrite").click()
    expect(page.get_by_role("alert")).to_have_text("The server does not answer. Is bpo ui still running?")
    expect(page.locator("#prompt")).to_have_value("tell me about tea")
    assert "ERR_CONNECTION_REFUSED" in visits.wrong.pop()


def test_escape_cancels_a_rewrite_and_the_model(visits: Visits) -> None:
    engine = Patient()
    with serving(Ui(PromptOptimizer(engine, load_checkpoint(), Options(rewrite="always")))) as address:
        page = visits.open(address)
        page.locator("#prompt").fill("tell me about tea")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("button", name="Rewriting…")).to_be_disabled()
        assert engine.started.wait(5)
        page.keyboard.press("Escape")
        expect(page.get_by_role("alert")).to_have_text("Cancelled. Your prompt is as it was.")
        expect(page.get_by_role("button", name="Rewrite", exact=True)).to_be_enabled()
        assert engine.stopped.wait(5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_scrolls_sideways_and_everything_can_be_read(visits: Visits, scheme: str, url: str) -> None:
    page = visits.open(url, 360, scheme)
    rewrite(page, f"tell me about {'x' * 300} and <b>{'W' * 80}</b>")
    page.get_by_role("button", name="Edit").click()
    for view in ("A prompt", "A file"):
        page.get_by_role("button", name=view).click()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.get_by_role("button", name="A prompt").click()
    for text in ("h1", "#why", "#cost", "#changes ins", "#about", "#rewrite", ".small-label"):
        assert contrast(page, text) >= 4.5, text
    buttons = page.locator("#prompt-form button:visible, #actions button:visible, nav button")
    assert min(buttons.evaluate_all("nodes => nodes.map(node => node.offsetHeight)")) >= 40


def contrast(page: Page, selector: str) -> float:
    """Of a text and what is behind it, as WCAG 2 counts."""
    found = page.locator(selector).first.evaluate(
        "node => { let under = node; const back = (e) => getComputedStyle(e).backgroundColor;"
        " while (back(under).endsWith(', 0)')) under = under.parentElement;"
        " return [getComputedStyle(node).color, back(under)]; }"
    )
    light, dark = sorted((luminance(color) for color in found), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_cannot_become_html_even_by_mistake(visits: Visits, url: str) -> None:
    page = visits.open(url)
    with pytest.raises(Error, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>x</b>'")
    assert "TrustedHTML" in visits.wrong.pop()
