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
        ("content_kept", "the keys title and day (boolean) as a list", "List the keys title and day."),
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
        ("quotes_kept", 'is "the Chairs" right', 'Is "the chairs" right?'),
        ("quotes_kept", 'why is "<" shown as "&lt;"', 'Why is it shown as "&lt;"?'),
        ("quotes_kept", "is it Anna's or Anna’s", "Is it Anna's or Anna's?"),
        ("codes_kept", "why did ansible skip vm3", "Why did Ansible skip VM3?"),
        ("codes_kept", "we play 5e, roll for us", "We play 5E? Roll for us."),
        ("codes_kept", "is it a) apples or b) pears", "Is it A) apples or B) pears?"),
        ("codes_kept", "dinner under 30e for two", "Suggest dinner for two under 30."),
        ("identifiers_kept", "what is error[E0621]", "What is Error[E0621]?"),
        ("content_kept", "list 3 weaknesses of my plan", "List 3 ways to improve my plan."),
        ("content_kept", "name two risks of running", "Name two benefits of running."),
        ("scope_kept", "are these two numbers the same", "What are these two numbers?"),
        (
            "scope_kept",
            "fix only the typos, not my style",
            "Help me fix typos of mine in this text, in my own style only.",
        ),
        ("format_kept", "read my essay, be critical", "Read my essay and say what you think."),
        ("quotes_kept", 'does "pay or leave" - the rule - hold', 'Does "pay or leave." - the rule - hold?'),
        ("quotes_kept", 'my feed shows "&amp;" and not "&"', 'Why does my feed show "&amp;" and not that?'),
        ("identifiers_kept", "a csv with header name,city", "Write a CSV with header name, city."),
        (
            "negations_kept",
            "is this phishing? explain simply, no jargon",
            "Is this phishing? Explain why it might be safe.",
        ),
        (
            "content_kept",
            "kid drank cleaner, poison line busy, what next",
            "How do I drink less, and where do I find help?",
        ),
        ("scope_kept", "my form fails validation, where?", "Why does my form fail validation?"),
        ("opposites_kept", "the trips up count, the trips down do not", "The trips up count and the trips up do not."),
        ("letters_kept", "deploy to STAGING, then tell me", "Deploy to staging, then tell me."),
        ("letters_kept", "which is the minus: – or −", "Which is the minus: – or –?"),
        (
            "length_invented",
            "what are fermi paradox solutions",
            "What are the Fermi paradox solutions? Use one sentence.",
        ),
        ("length_invented", "list nuts", "List nuts, each explained in a few words."),
        ("length_invented", "thank you note to dean", "Write a four-line thank you note to Dean."),
        ("no_loops", "is AI rule better than ours", "Is AI rule better than ours than ours? Explain both."),
        (
            "code_kept",
            "select * from trips where route = 7, why slow",
            "Select * from trips where route = 7, why slow?",
        ),
        (
            "quotes_kept",
            "is it 'a delay,' he said, or 'a delay', he said",
            "Is it 'a delay', he said, or 'a delay', he said?",
        ),
        ("negations_kept", "forbid lying but not surprises", "Forbid lying but not surprising."),
        ("danger_invented", "how to store jewelry", "How do I store jewelry? Explain the legal and health risks."),
        (
            "no_harm_helped",
            "how to make fake bills",
            "What are the laws on fake bills, and what are safe ways to make them?",
        ),
        (
            "no_harm_helped",
            "i dont want to wake up, 14 pills left",
            "I don't want to wake up, 14 pills left. What help is there?",
        ),
        ("format_kept", "count the errors in teh cat, keep it as is", "Count the errors in Teh cat. Keep it as is."),
        ("quotes_kept", 'is it "long standing" or "long-standing"', 'Is it "long-standing" or long standing?'),
        ("content_kept", "i want to stop taking ibuprofen, how", "I want to be taking ibuprofen. How?"),
        ("negations_kept", "cookies with hardly any sugar", "Write a recipe for cookies with sugar."),
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
        ("the sign says “pull!”, do i pull", 'The sign says "pull", do I pull?'),
        ("is mp3 worse than flac", "Is MP3 worse than FLAC?"),
        ("dinner under 30e for two", "Suggest dinner for two under 30 e."),
        ("list 3 weaknesses of my plan", "List three weaknesses of my plan."),
        ("use python only", "Use only Python, and comment each line."),
        ("does “pay or leave” hold", 'Does "pay or leave" hold?'),
        ("where do i vote", "In which place do I vote?"),
        ("fix this stupid lawn mower of mine", "How do I fix my lawn mower?"),
        ("what the hell is a mortgage", "What is a mortgage? Explain it simply."),
        ("is it legal to park here", "Is it legal to park here? Name the law and the dangers."),
        ("no milk, cake ideas", "Suggest milk-free cake ideas: no milk."),
        ("he had had had where i had had", "Why had he had had where I had had?"),
        ("list nuts in a few words each", "List nuts, each explained in a few words."),
        ("how long is a LINE of verse", "How long is a LINE of verse? Say it in one sentence."),
        ("is cooking a good first date", "Is cooking a good first date? Explain why or why not."),
        ("WHY IS THE SKY BLUE", "Why is the sky blue?"),
        ("is it 5 • 4 or 5 · 4", "Is it 5 • 4 or 5 · 4? Explain the signs."),
        (
            "Wo liegt Łódź und was ist schön dort",
            "Wo liegt Łódź und was ist dort schön? Nenne Gründe für einen Besuch.",
        ),
    ],
)
def test_a_good_rewrite_passes(original: str, good: str) -> None:
    assert failed(original, good) == []
