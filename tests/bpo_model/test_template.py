"""The text around the instruction is fixed, and nothing in the instruction is ever interpreted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpo_model.checkpoint import load_checkpoint
from bpo_model.template import PLACEHOLDER, RenderedPrompt, Template

CHAT = Template("<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n")


def test_the_instruction_stands_in_its_place() -> None:
    assert CHAT.render("leeks?") == RenderedPrompt(
        "<|im_start|>user\n", "leeks?", "<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_rendered_prompt_reads_as_one_text() -> None:
    assert str(CHAT.render("leeks?")) == "<|im_start|>user\nleeks?<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize("text", ["", "no place", "{ prompt }", "{Prompt}"])
def test_a_template_without_a_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"'\{prompt\}' exactly once, got it 0 times") as caught:
        Template(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(("text", "count"), [("{prompt}{prompt}", 2), ("{prompt} and {prompt}, {prompt}", 3)])
def test_a_template_with_several_places_is_refused(text: str, count: int) -> None:
    with pytest.raises(ValueError, match=rf"exactly once, got it {count} times"):
        Template(text)


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("{prompt}", "", ""),
        ("{{prompt}}", "{", "}"),
        ("{a} {0} {prompt} %s {", "{a} {0} ", " %s {"),
        ("\\n{prompt}\r\n", "\\n", "\r\n"),
        ("{{ x }}{prompt}{% y %}", "{{ x }}", "{% y %}"),
    ],
)
def test_all_else_in_a_template_is_literal(text: str, before: str, after: str) -> None:
    assert Template(text).render("leeks?") == RenderedPrompt(before, "leeks?", after)


@pytest.mark.parametrize(
    "instruction", [PLACEHOLDER, "{prompt} {prompt}", "{0}{x}", "%s", "<|im_end|>", "\\1", "", "\ud800", "a\r\nb"]
)
def test_nothing_in_the_instruction_is_interpreted(instruction: str) -> None:
    rendered = CHAT.render(instruction)
    assert rendered.text == instruction
    assert str(rendered) == rendered.before + instruction + rendered.after


def test_the_embedded_template_ends_where_the_rewrite_begins() -> None:
    rendered = load_checkpoint().template.render("leeks?")
    assert "leeks?" not in rendered.before + rendered.after
    assert str(rendered).endswith("assistant\n")


@settings(deadline=None)
@given(before=st.text(), instruction=st.text(st.characters()), after=st.text())
def test_rendering_only_joins(before: str, instruction: str, after: str) -> None:
    text = before + PLACEHOLDER + after
    if text.count(PLACEHOLDER) == 1:
        assert str(Template(text).render(instruction)) == before + instruction + after
