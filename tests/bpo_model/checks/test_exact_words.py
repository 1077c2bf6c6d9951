"""Codes, odd letters, brackets, scope, quotes and negations: what torture and planted damage showed to slip through."""

import pytest

from bpo_model.contract import verify


def failed(original: str, candidate: str) -> list[str]:
    return [violation.check for violation in verify(original, candidate)]


@pytest.mark.parametrize(
    ("check", "original", "lost"),
    [
        ("codes_kept", "complaint about flight EK512 being late", "Write a complaint about flight EK513 being late."),
        ("codes_kept", "is the i9 worth it over the i5", "Is the i10 worth it over the i5?"),
        ("codes_kept", "shelf 4x4 white, how do i hang it", "How do I hang a white 4x5 shelf?"),
        ("codes_kept", "encode text to base64 in rust", "Encode text to base65 in Rust."),
        ("codes_kept", "codes Q7LM2Z and Q7IM2Z differ how", "How do the codes Q7LM2Z and Q7LM2Z differ?"),
        ("letters_kept", "who is Renée Dvořák", "Who is Renee Dvorak?"),
        ("letters_kept", "is p\u0430ypal a fake word", "Is paypal a fake word?"),
        ("brackets_kept", "the keys title and day (boolean) as a list", "List the keys title and day."),
        ("scope_kept", "tell me before you run the job", "Tell me what the job does."),
        ("scope_kept", "fix only the typos in my text", "Fix the typos in my text."),
        ("scope_kept", "call me unless it rains", "Call me when it rains."),
        ("quotes_kept", 'the sign says "pull", do i pull', 'The sign says "pul", do I pull?'),
        ("quotes_kept", 'change "red" to "blue" in the style', 'Change "blue" to "red" in the style.'),
        ("negations_kept", "a recipe without nuts and no milk", "Give me a recipe without nuts, with milk."),
        ("negations_kept", "what should i buy for the party", "What should I not buy for the party?"),
        ("identifiers_kept", "what is the header name;city;fee for", "What is the header name, city and fee for?"),
        ("quotes_kept", '“Smart” or "straight" quotes', "Should I use “Smart” or “straight” quotes?"),
        ("quotes_kept", 'what does echo "a b" do', 'What does echo "a b do? Say what "a b" means.'),
        (
            "opposites_kept",
            "he is as old as his sister when he was two",
            "He is as old as his sister when she was two?",
        ),
        ("content_kept", "a multi-stage build that keeps port 80 open", "Write a build that keeps port 80 open."),
        ("links_kept", "is shop.example.com safe to use", "Is it safe to use this shop?"),
    ],
)
def test_damage_is_noticed(check: str, original: str, lost: str) -> None:
    assert check in failed(original, lost)


@pytest.mark.parametrize(
    ("original", "good"),
    [
        ("flight ek512 was late, complaint pls", "Write a complaint that flight EK512 was late."),
        ("gpt4 or gpt 3.5 for emails", "Should I use GPT4 or GPT 3.5 for emails?"),
        ("how long can rice sit out b4 its unsafe", "How long can rice sit out before it's unsafe?"),
        ("run 8km in 40min plan", "Write a plan to run 8 km in 40 min."),
        ("who is Renée Dvořák", "Who is Renée Dvořák? Name her best-known works."),
        ("don’t like mondays, why", "Why do people not like Mondays?"),
        ("the keys title and day (boolean) as a list", "List the keys title and day, which is a boolean."),
        ("tell me before you run the job", "Tell me what the job does before you run it."),
        ("only fix the typos in my text", "Fix just the typos in my text."),
        ('what does "carpe diem" mean', 'What does "carpe diem" mean? Give an example sentence.'),
        ("what should i buy for the party", "What should I buy for the party? Do not list alcohol."),
        ("is shop.example.com safe to use", "Is shop.example.com safe to use? Explain how to tell."),
        (
            "Wo liegt Łódź und was ist schön dort",
            "Wo liegt Łódź und was ist dort schön? Nenne Gründe für einen Besuch.",
        ),
    ],
)
def test_a_good_rewrite_passes(original: str, good: str) -> None:
    assert failed(original, good) == []
