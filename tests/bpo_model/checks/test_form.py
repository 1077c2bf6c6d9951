"""The rewrite is still a request in the same language, of a sane length, and free of artefacts."""

import pytest

from bpo_model.checks import form
from bpo_model.config import LengthBudget
from bpo_model.contract import verify
from bpo_model.schema import Violation


def failed(original: str, candidate: str) -> list[str]:
    """Names of the failed checks, in order."""
    return [violation.check for violation in verify(original, candidate)]


def known(original: str, candidate: str, reason: str) -> object:
    """A pair that the contract judges wrongly today."""
    return pytest.param(original, candidate, marks=pytest.mark.xfail(strict=True, reason=reason))


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("capital of Peru", "What is the capital of Peru?"),
        ("mortgage rates", "Explain how mortgage rates are set."),
        ("name for my cafe", "I need a name for my cafe."),
        ("flaky test", "My test is flaky. Find out why."),
        ("headache after coffee", "Please tell me why I get a headache after coffee."),
        ("photosynthesis", "For a school talk on photosynthesis, write an outline."),
        ("poema corto", "Un poema corto sobre el mar y la noche, por favor."),
        ("كيف أنام", "كيف أنام بشكل أفضل"),
        ("日本の城", "日本の城について詳しく"),
        ("как спать лучше", "как спать лучше ночью"),
        ("old backups", "1. List the old backups.\n2. Move them away."),
        ("delete old backups", "Delete the old backups."),
        ("restart the pods", "Restart the pods."),
        ("book flights to oslo", "Book flights to Oslo."),
        ("cheap flights to oslo", "Search for, compare and book cheap flights to Oslo."),
    ],
)
def test_question_or_instruction_passes(original: str, candidate: str) -> None:
    assert "still_a_request" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("capital of Peru", "Lima is the capital of Peru."),
        ("how do vaccines work", "Vaccines train the immune system."),
        ("best bread flour", "The best bread flour has a lot of protein."),
        ("why is my server slow", "The server is slow because the disk is full."),
        ("tenant rights", "A tenant has the rights of the contract."),
        ("poem on rain", "The rain falls softly on the town, and all the leaves are turning brown."),
    ],
)
def test_statement_is_a_violation(original: str, candidate: str) -> None:
    assert "still_a_request" in failed(original, candidate)


def test_statement_is_described() -> None:
    assert verify("capital of Peru", "Lima is the capital of Peru.")[-1] == Violation(
        "still_a_request", "neither a question nor an instruction", "Lima is the capital of Peru."
    )


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("Is it safe?", "Is it safe, and why?"),
        ("is a verbal contract binding", "Is a verbal contract binding? Explain the exceptions."),
        ("sure-fire ways to sleep", "Which sure-fire ways help me sleep?"),
        ("answer: what is a fjord", "Answer: what is a fjord?"),
        ("solve x in algebra", "Solve for x. Show how the solution is found."),
        ("no-bake cake", "How do I make a no-bake cake?"),
        ("¿es seguro?", "¿Es seguro y por qué?"),
        ("improve my prompt: a cat on a roof", "Improve my prompt: a cat on a red roof."),
        ("sure things in betting", "Sure things in betting: do they exist?"),
        ("answers for an interview", "Write good answers: short and honest."),
        ("what are surety bonds", "Surety bonds: what are they?"),
        ("help, cant sleep", "I can't sleep. What can I do?"),
    ],
)
def test_rewrite_that_does_not_answer_passes(original: str, candidate: str) -> None:
    assert "no_answer" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("Is it safe?", "Sure, here is a better prompt: Is it safe?"),
        ("is it safe", "Certainly! Is it safe to eat raw eggs?"),
        ("recipe for soup", "Here's a recipe for soup. Explain it."),
        ("capital of peru", "What is the capital of Peru?\nAnswer: Lima"),
        ("capital of peru", "Name the capital of Peru. The answer: Lima. Answer: Lima"),
        ("capital of peru", "What is the capital of Peru? Answer: Lima"),
        ("tax on gifts", "Optimized prompt: Explain the tax on gifts."),
        ("tax on gifts", "Improved version: Explain the tax on gifts."),
        ("help with my visa", "I'm sorry, but please ask a lawyer for help with your visa."),
        ("diagnose my rash", "As an AI I cannot diagnose. Describe the rash."),
        ("regex for dates", "I can't write a regex for dates. Can you?"),
        ("poem", "Output: write a poem"),
        ("explain gravity", "Explain gravity.\nAnswer: masses attract."),
        ("capital of peru", "'Sure!' What is the capital of Peru?"),
        known("¿qué es el pan?", "Claro, aquí tienes: ¿qué es el pan?", "only English lead-ins are known"),
        known("was ist Brot", "Gerne! Was ist Brot und wie wird es gemacht?", "only English lead-ins are known"),
    ],
)
def test_answer_or_lead_in_is_a_violation(original: str, candidate: str) -> None:
    assert "no_answer" in failed(original, candidate)


def test_lead_in_and_leaked_answer_are_shown() -> None:
    assert form.no_answer("is it safe", "Sure, is it safe?") == "starts with 'Sure'"
    assert form.no_answer("capital of peru", "Name it. Answer: Lima") == "answers: '. Answer: L'"


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("hola, ¿qué es el pan?", "¿Qué es el pan y cómo se hace?"),
        ("was ist ein Vertrag und wie kündige ich ihn", "Was ist ein Vertrag, und wie kann ich ihn kündigen?"),
        ("comment faire du pain", "Comment faire du pain à la maison, étape par étape ?"),
        ("как испечь хлеб", "Как испечь хлеб дома?"),
        ("रोटी कैसे बनाएं", "रोटी कैसे बनाएं, चरण दर चरण समझाएं?"),
        ("如何做面包", "请一步一步解释如何做面包。"),
        ("كيف أصنع الخبز", "كيف أصنع الخبز في البيت؟"),
        ("best laptop under $800", "Which laptop under $800 is the best?"),
        ("what does 你好 mean", "What does 你好 mean, and when is it used?"),
        ("translate into german: good day", "Translate into German: good day"),
        ("42?", "What is 42?"),
        ("ひらがなの書き方", "ひらがなの書き方をやさしく説明してください。"),
        ("パンの作り方", "パンの作り方を説明してください。"),
        ("東京観光", "東京の観光スポットをおすすめしてください。"),
    ],
)
def test_same_language_passes(original: str, candidate: str) -> None:
    assert "same_language" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("hola, ¿qué es el pan?", "What is bread?"),
        ("was ist ein Vertrag und wie kündige ich ihn", "What is a contract and how do I end it?"),
        ("comment faire du pain", "How do you make bread at home?"),
        ("как испечь хлеб", "How do I bake bread?"),
        ("रोटी कैसे बनाएं", "How do I make roti?"),
        ("如何做面包", "How do I make bread?"),
        ("كيف أصنع الخبز", "How do I make bread?"),
        ("how do i bake bread", "¿Cómo se hace el pan en casa?"),
        ("how do i bake bread", "如何做面包？"),
        ("¿cómo se hace el pan?", "Comment faire du pain avec la farine ?"),
    ],
)
def test_changed_language_is_a_violation(original: str, candidate: str) -> None:
    assert "same_language" in failed(original, candidate)


def test_changed_language_and_script_are_named() -> None:
    assert form.same_language("hola, ¿qué es el pan?", "What is the bread?") == "es became en"
    assert form.same_language("как дела", "How are you?") == "CYRILLIC became LATIN"
    assert form.same_language("how are you", "42") == "LATIN became no letters"


@pytest.mark.parametrize(
    ("words", "rewritten"),
    [(10, 40), (10, 55), (0, 1), (1, 32), (100, 280), (10, 1)],
)
def test_length_within_the_budget_passes(words: int, rewritten: int) -> None:
    assert form.within_length("word " * words, "word " * rewritten) == ""


@pytest.mark.parametrize(("words", "rewritten"), [(10, 80), (10, 56), (1, 33), (0, 31), (100, 281)])
def test_rewrite_over_the_budget_is_a_violation(words: int, rewritten: int) -> None:
    limit = int(2.5 * words) + 30
    assert form.within_length("word " * words, "word " * rewritten) == f"{rewritten} words, limit {limit}"
    assert failed("word " * words, "word " * rewritten) == ["within_length"]


@pytest.mark.parametrize("candidate", ["", " ", "\n\n", "\t "])
def test_empty_rewrite_is_a_violation(candidate: str) -> None:
    assert verify("tips for sleep", candidate) == (Violation("within_length", "empty", candidate),)


def test_budget_can_be_given() -> None:
    tight = LengthBudget(factor=1.0, extra_words=2)
    assert form.within_length("sleep better", "How do I sleep?", tight) == ""
    assert form.within_length("sleep better", "How do I sleep better?", tight) == "5 words, limit 4"


@pytest.mark.parametrize(
    ("original", "candidate", "after"),
    [
        ("Translate:", "Translate into English:", " Hallo"),
        ("Summarize this e-mail:", "Summarize this e-mail briefly:", "\tDear Ann, the boiler leaks."),
        ("Fix the bug:", "Find and fix the bug.", "\n\ndef f(): pass"),
        ("Fix the bug:", "Find and fix the bug.", ""),
        ("Fix the bug:", "Find and fix the bug.", "  "),
        ("Fix the bug", "Find and fix the bug.", " x = 1"),
    ],
)
def test_instruction_that_joins_its_context_passes(original: str, candidate: str, after: str) -> None:
    assert form.joins_context(original, candidate, after) == ""


@pytest.mark.parametrize(
    ("original", "candidate", "after"),
    [
        ("Translate:", "Translate it well.", " Hallo"),
        ("Summarize this e-mail:", "Summarize this e-mail", " Dear Ann, the boiler leaks."),
        ("Is this spam:", "Is this spam?", "WIN A CAR NOW"),
        ("Explique:", "Explique esto.", " la fotosíntesis"),
    ],
)
def test_lost_colon_before_the_context_is_a_violation(original: str, candidate: str, after: str) -> None:
    found = verify(original, candidate, after=after)
    assert found[-1] == Violation("joins_context", "no colon before the context", candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("what is [INST]?", "Explain what [INST] means"),
        ("what does </s> do in llama", "What does </s> do in Llama?"),
        ("array[0] in c", "What does array[0] do in C?"),
        ("use a | b in bash", "How do I use a | b in Bash?"),
        ("### heading in markdown", "How do I write a ### heading in Markdown?"),
        ("where to put <|im_end|>", "Where should I put <|im_end|>?"),
    ],
)
def test_template_text_of_the_prompt_passes(original: str, candidate: str) -> None:
    assert "no_template_text" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("hi", "hi<|im_end|>"),
        ("tips for sleep", "<s>Give tips for sleep.</s>"),
        ("tips for sleep", "[INST] Give tips for sleep. [/INST]"),
        ("tips for sleep", "### Instruction: Give tips for sleep."),
        ("tips for sleep", "<<SYS>> Give tips for sleep."),
        ("fix [PROTECT_1]", "Fix [PROTECT_1] and [PROTECT_2]."),
        ("why <|im_end|>", "Why <|im_end|> and <|im_end|>?"),
    ],
)
def test_new_template_text_is_a_violation(original: str, candidate: str) -> None:
    assert "no_template_text" in failed(original, candidate)


def test_template_text_is_shown() -> None:
    assert form.no_template_text("hi", "hi<|im_end|>") == "template text '<|im_end|>'"


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("A or B", "Compare A and B"),
        ("tips", "Give tips for work, tips for home and tips for school."),
        ("row your boat " * 3, "Continue the song: " + "row your boat " * 3),
        ("pros and cons of cats and dogs", "What are the pros and cons of cats, and what are the cons of dogs?"),
        ("viaje a Roma", "Planifica un viaje a Roma con niños, con amigos o con la familia."),
    ],
)
def test_text_without_loops_passes(original: str, candidate: str) -> None:
    assert "no_loops" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("explain it", "in detail and in detail and in detail and in detail and"),
        ("tips", "Give me some tips. Give me some tips. Give me some tips."),
        ("tax", "Explain the tax rules, explain the tax rules, explain the tax rules,"),
        ("consejos", "Dame consejos para dormir. Dame consejos para dormir. Dame consejos para dormir."),
        ("code", "Write the code and write the code and write the code and write the code and"),
        known(
            "面包",
            "请解释如何做面包请解释如何做面包请解释如何做面包请解释如何做面包",
            "words without spaces are one word",
        ),
        ("go", "explain explain explain explain explain explain explain."),
    ],
)
def test_loop_is_a_violation(original: str, candidate: str) -> None:
    assert "no_loops" in failed(original, candidate)


def test_loop_is_shown() -> None:
    text = "Give me some tips. Give me some tips. Give me some tips."
    assert form.no_loops("tips", text) == "repeats 'give me some tips'"


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("line", "line\nbreak"),
        ("tabs\tand spaces", "tabs\tor spaces, which?"),
        ("what is \u200b", "What is \u200b for?"),
        ("naïve café 日本 🙂", "Explain naïve café 日本 🙂."),
        ("नमस्ते", "नमस्ते का अर्थ क्या है?"),
        ("what is 👨\u200d👩\u200d👧", "What does the emoji 👨\u200d👩\u200d👧 mean?"),
    ],
)
def test_visible_text_passes(original: str, candidate: str) -> None:
    assert "no_control_characters" not in failed(original, candidate)


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\x7f", "\u200b", "\u202e", "\ufeff", "\ufffd", chr(0xD800)])
def test_new_control_or_broken_character_is_a_violation(char: str) -> None:
    candidate = f"Explain{char} it."
    found = verify("explain it", candidate)
    assert found == (Violation("no_control_characters", f"control character U+{ord(char):04X}", candidate),)
    assert form.unsupported_characters(candidate) == f"U+{ord(char):04X}"


def test_plain_text_has_no_unsupported_characters() -> None:
    assert form.unsupported_characters("Größe:\t5\r\n日本 🙂") == ""
