"""The gate leaves alone what rewriting cannot help, says why, and lets everything else through.

Every rule has prompts that it must stop and similar ones that it must not.
"""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpo_model.config import GatePolicy
from bpo_model.gate import HARD, RULES, must_leave_alone, should_rewrite
from bpo_model.schema import Reason
from bpo_model.split import split

POLICY = GatePolicy()


def reason_for(text: str, policy: GatePolicy = POLICY, *, history: bool = False) -> Reason | None:
    return should_rewrite(text, split(text), policy, has_history=history)


STOPPED: dict[Reason, list[str]] = {
    Reason.BLANK: ["", " ", "\n\n", "\t \t", "\r\n", "\u00a0", "\u2003\u2028", "\x1c"],
    Reason.UNSUPPORTED_CHARACTERS: [
        "tell me about tea\x00",
        "why do \u200bcats purr?",
        "what is \ud800 jazz?",
        "\ufeffexplain tides to me",
        "write a poem \u202egnirps tuoba",
        "how do\x07 bells ring?",
        "name a \ufffd good film",
        "what is\x1b[31m red?",
        "which dish is\u2066 typical\u2069 of Ghent?",
        "Summarize\x00 this note.\n\nthe pump broke",
    ],
    Reason.TOO_LONG: [
        "tell me about " + "very " * 260 + "old trees",
        "why? " + "word " * 300,
        "how " * 251,
        "summarize " + "a" * 2100,
        "explain tides " * 200,
        "please help me " + "plan a trip and " * 70,
        "thanks " * 300,
    ],
    Reason.SMALL_TALK: [
        "hi",
        "Hello!",
        "thanks!",
        "thank you so much",
        "good morning",
        "ok great, thanks",
        "how are you?",
        "lol",
        "bye",
        "hey, how are you doing today?",
        "Happy birthday!",
        "yes please",
        "thx a lot :)",
        "Got it, thanks for your help!",
        "Namaste ji",
        "👍 thanks",
        "no",
        "What's up?",
    ],
    Reason.FOLLOW_UP: [
        "nvm found it, was in the other jacket",
        "ok but how long does that take",
        "n, but thanks for the map",
        "What about Friday?",
        "who asked you",
        "make it shorter",
        "and in French?",
        "why?",
        "translate that to Dutch",
        "continue",
        "go on",
        "another one",
        "what about for children?",
        "can you make it funnier",
        "now explain it to a child",
        "but why?",
        "more formal",
        "elaborate",
        "rewrite it as a poem",
        "Okay, now make it longer",
        "turn this into a table",
        "shorter, and drop the middle part",
        "…and without the intro",
        "hang on, go back to the first draft",
        "undo that last change",
        "2 and 6, not 5",
        "C, because it is cheaper",
        "option B please",
    ],
    Reason.LANGUAGE: [
        "bikinin surat pendek ijin sakit 2 hari buat bos, jangan lebay",
        "Andika barua ndefu ya kuomba ruhusa siku tatu kuanzia Jumatatu asubuhi",
        "¿Cómo se hace el pan?",
        "escribe un poema sobre el mar",
        "Wie koche ich ein weiches Ei?",
        "schreibe ein Gedicht über den Herbst",
        "как приготовить борщ",
        "東京の天気を教えてください",
        "서울에서 가볼 만한 곳을 추천해 주세요",
        "كيف أتعلم البرمجة؟",
        "नमस्ते, मुझे एक कविता लिखो",
        "comment faire une tarte aux pommes",
        "come si prepara il risotto alla milanese?",
        "como aprender a tocar violão em casa?",
        "jak upiec chleb na zakwasie?",
        "hoe maak ik een goede pannenkoek?",
        "hur lagar man en god soppa?",
        "Türkiye'nin başkenti neresidir?",
        "làm thế nào để nấu phở?",
        "Pažymėk būdvardžius ir paaiškink šį sakinį be klaidų",
    ],
    Reason.NOT_A_REQUEST: [
        "((x*)*y+)*",
        "You are a retired lighthouse keeper.",
        "section .bss\n    mov rbx, 4\n    syscall",
        "https://example.org/paper.pdf",
        "www.example.com",
        "mo@example.org",
        "~/notes/todo.txt",
        "git commit -m fix",
        "docker ps -a",
        "npm install",
        "sudo apt update",
        "ssh -i key.pem -p 22 admin@192.0.2.7",
        "I open the cellar door, slowly.",
        "$ ls -la",
        "curl https://example.org",
        "SELECT name FROM users",
        "SELECT id\nFROM t\nWHERE a = 1;",
        "def f(x):\n    return x * 2",
        "import os\nprint(os.name)",
        "const a = 1;\nlet b = 2;",
        "#include <stdio.h>\nint main() { return 0; }",
        "for i in range(3):\n    print(i)",
        "body {\n  color: red;\n}",
        '{"a": 1, "b": [2, 3]}',
        "[1, 2, 3]",
        "<div><p>text</p></div>",
        '<?xml version="1.0"?><a>b</a>',
        "name: web\nport: 80",
        "{{user_input}}",
        "{prompt}",
        "/help",
        "12345",
        "???",
        "😀",
    ],
    Reason.UNCLEAR_INSTRUCTION: [
        "Question: Who painted it?\nAnswer: Vermeer\nQuestion: Who framed it?\nAnswer:",
        "English: the cat\nDutch: de kat\nEnglish: the dog\nDutch:",
        "The harbour sleeps in silver grey,\nthe gulls have gone, the boats delay,\nand morning never minds the hour.",
        "region and units\nnorth 14\nsouth 31",
        "<|im_start|>user\nname a lake<|im_end|>",
        "Anna: the parcel is here\nBen: great news\nAnna: see you later",
        "Hi Dana,\nthe boiler in block C is leaking again.\nRegards, Piet",
        "milk\nbread\neggs\nbutter",
        "Our shop was founded long ago.\n\nIt sells clocks and nothing else.",
    ],
    Reason.MULTIPLE_CHOICE: [
        "Which is right, a or b? a) less sugar b) fewer sugar",
        "What is the capital of Peru?\nA) Lima\nB) Quito\nC) Bogotá",
        "True or false: spiders are insects.",
        "is it true or false that glass is a liquid?",
        "Which of the following is a mammal?\n(a) shark\n(b) dolphin\n(c) trout",
        "Choose the correct answer: The sun is a\nA. planet\nB. star\nC. moon",
        "Our staff survey\nThe canteen is good.  1 2 3 4 5\nMake it neutral",
        "Which gas do plants take in? A) oxygen B) carbon dioxide C) helium D) argon",
        "Select the odd one out.\n1. apple\n2. pear\n3. carrot\n4. plum",
        "Who painted Guernica?\n1) Picasso\n2) Dali\n3) Miro",
        "Pick the synonym of rapid:\nA. slow\nB. fast\nC. late\nD. calm",
        "Which of these is prime? (A) 9 (B) 11 (C) 15",
        "What does HTTP stand for?\n[ ] Hyper Text Transfer Protocol\n[ ] High Time Test Plan\n[ ] none",
        "Which word is a verb?\na: house\nb: run\nc: blue",
    ],
    Reason.MATH_PROBLEM: [
        "What is 17 * 23?",
        "Solve 3x + 5 = 20",
        "Find the value of x if 2x - 7 = 9",
        "factor x^2 - 5x + 6",
        "simplify (x + 2)^2 - x^2",
        "evaluate the integral of x^2 from 0 to 3",
        "Calculate 15% of 80 plus 4 * 2",
        "Compute 7! / 5!",
        "A train travels 60 km in 1.5 hours. What is the average speed in km/h?",
        "Mia has 12 apples. She gives 5 to Tom. How many apples are left over?",
        "A farmer has 17 sheep. All but 9 run away. How many are left?",
        "A shirt costs $40. It is marked down by 25%. What is the new price?",
        "What is the area of a rectangle with sides 3 and 7? Give the answer in cm.",
        "The sum of two numbers is 20. One is 4 times as large as the other. What are the numbers?",
        "A jug holds 3 litres. How many jugs fill a 21 litre tank?",
    ],
    Reason.ALREADY_SPECIFIC: [
        "Write a 300-word blog post about urban beekeeping for beginners. Use a friendly tone, include at least three "
        "practical tips, avoid jargon, and end with a short call to action for readers.",
        "Explain how vaccines work to a ten-year-old in under 150 words. Use an everyday comparison, avoid technical "
        "terms, include two examples, and end with a question that invites the child to think further.",
        "Compare electric and diesel buses for a city council. Cover cost, noise and emissions, present the result in "
        "a table, keep it under 400 words, and do not include advertising language or brand names.",
        "Create a weekly meal plan for a family of four on a tight budget. Include breakfast and dinner for each day, "
        "avoid nuts, list the ingredients, and keep every recipe under 30 minutes.",
        "Describe the causes of the 1929 crash step by step. Focus on banking, mention at least two historians, use a "
        "neutral tone, and keep the whole answer to exactly five paragraphs.",
        "Draft an e-mail to my landlord about the broken boiler. Keep the tone polite, mention the two earlier "
        "reports, do not threaten legal action, and end with a request for a date, with at most 120 words.",
        "Design a beginner workout without equipment. List exercises for each day, explain the correct form, include "
        "warm-ups such as stretching, avoid jumping, and keep each session under 20 minutes in total.",
    ],
}

LET_THROUGH: dict[Reason, list[str]] = {
    Reason.BLANK: [
        "a cake recipe please",
        " \n tell me about tides \n",
        "\u00a0how do magnets work?",
        "\twhat causes rust?\t",
        "\r\nsuggest a hiking trail near Graz\r\n",
        "explain tides\n",
    ],
    Reason.UNSUPPORTED_CHARACTERS: [
        "explain the café culture of Vienna",
        "what does naïve mean in English?",
        "how do I make crème brûlée?",
        "write a limerick 😀 about cats",
        "what does the sign “Ausfahrt” mean?",
        "tell me about\ttea",
        "explain how €/$ exchange rates move",
        "compare tea — green and black — for me",
        "what is the difference between α and β particles?",
        "Summarize this note.\n\nthe pump\x00 broke",
        "Explain this line.\n\n\u200bthe harbour sleeps",
    ],
    Reason.TOO_LONG: [
        "explain " + "really " * 200 + "old trees",
        "what is " + "a very " * 100 + "old tree?",
        "how do tides work?",
        "Summarize this.\n\n" + "The ferry was late.\n" * 300,
        "The ferry was late.\n" * 300 + "\n\nSummarize the text above.",
        "Fix the grammar:\n" + "she go home\n" * 400,
        "Summarize this:\n\n" + "a" * 300,
    ],
    Reason.SMALL_TALK: [
        "hello world program in C",
        "write a thank you note to my teacher",
        "good morning message for my wife",
        "how do I say hello in Korean?",
        "why do people say bless you?",
        "yes or no: is a tomato a fruit?",
        "thanksgiving dinner ideas",
        "great films about jazz",
        "is it ok to eat raw oats?",
        "hi, can you recommend a book about bees?",
        "cool facts about squids",
        "goodbye letter to colleagues",
        "why is the sky blue? thanks",
        "happy birthday message for my dad",
        "nice places near Nice",
        "Hello, explain recursion",
    ],
    Reason.FOLLOW_UP: [
        "what about the ethics of zoos makes people angry?",
        "why is the sky blue?",
        "continue the fairy tale of Snow White in a modern city",
        "how do I make this year's garden grow better?",
        "what is the French word for bread?",
        "write a shorter version of the fable of the tortoise and the hare",
        "explain why cats purr",
        "translate good evening to Dutch",
        "more energy in the morning: what helps?",
        "explain it like I'm five: black holes",
        "can you explain this to me: why do planes fly?",
        "how do I fix it when my bike chain slips?",
        "format a letter of complaint to a phone company",
        "repeat customers: how does a small shop get them?",
        "Make it shorter.\n\nThe ferry was late and everybody waited.",
        "B vitamins: which foods have them?",
        "3 ideas, not 4, for a rainy day",
        "a cheap hotel in Ghent",
        "wait times at the clinic: how to shorten them?",
    ],
    Reason.LANGUAGE: [
        "lightweight waterproof hiking boots women wide feet budget recommendations autumn",
        "what does schadenfreude mean?",
        "translate 'good morning' to Spanish",
        "how do you pronounce croissant?",
        "what is the difference between adiós and hasta luego?",
        "write a sentence with the Japanese word 桜",
        "tell me about the film Amélie",
        "who wrote Die Verwandlung?",
        "what does 'c'est la vie' mean?",
        "recommend tapas bars in Málaga",
        "how do I type ß on a US keyboard?",
        "explain the meaning of the Latin phrase carpe diem",
        "tell me about the Champs-Élysées",
        "give me a recipe for pão de queijo",
        "capital of peru",
        "best ramen toppings",
        "pros cons remote work",
        "Translate into English: Wie koche ich ein weiches Ei?",
        "Translate this into English.\n\nDie Fähre war am Montag zu spät.",
    ],
    Reason.NOT_A_REQUEST: [
        "You are a retired lighthouse keeper. Tell me about your last night there.",
        "what does (a|b)* match",
        "what does git commit --amend do?",
        "how do I undo git push?",
        "git tutorial for beginners",
        "explain docker compose",
        "docker or podman for a small team?",
        "why does SELECT * FROM t run slowly?",
        'what is {"a": 1} in JSON?',
        "summarize https://example.org/paper.pdf",
        "write an e-mail to mo@example.org about the boiler",
        "write a greeting for {name}",
        "write a python function that reverses a string",
        "how do lists differ from tuples in python?",
        "find me a regex for dates",
        "node.js vs deno for small teams",
        "update my CV for a nursing job",
        "import duties explained",
        "return policy for a small shop",
        "for a party of ten, suggest a menu",
        "Explain this code.\n\ndef f(x):\n    return x * 2",
        "const a = 1\nconsole.log(b)\n\nwhy does this fail?",
        "What does this print?\n```python\nprint(1)\n```",
    ],
    Reason.UNCLEAR_INSTRUCTION: [
        "Question: Who painted the Milkmaid?\nAnswer:",
        "Translate the second word.\n\nEnglish: cat\nDutch: kat",
        "Explain this poem.\n\nThe harbour sleeps in silver grey,\nthe gulls have gone, the boats delay.",
        "what does <|im_start|> do in a chat template",
        "Which region sold more?\nregion and units\nnorth 14\nsouth 31",
        "Summarize this chat.\nAnna: the parcel is here\nBen: great news",
        "Hi Dana,\nthe boiler in block C is leaking again.\n\nWrite a reply for Dana.",
        "what can I bake?\nmilk\nbread\neggs\nbutter",
        "I run a small shop.\nIt sells clocks.\n\nSuggest a slogan.",
    ],
    Reason.MULTIPLE_CHOICE: [
        "give me three tips on\n1. cooking\n2. cleaning\nand tell me which matters more",
        "write a multiple choice quiz about volcanoes",
        "how do I write good multiple-choice questions?",
        "list five reasons to visit Graz",
        "explain the difference between vitamin A and vitamin B",
        "create a true love story set in Venice",
        "what does grade A. mean for eggs?",
        "plan B. for a rainy picnic?",
        "how do I number headings 1. and 2. in a document?",
        "who is John A. Smith?",
        "is it true that cats hate water?",
        "write quiz questions for kids about space",
        "explain hepatitis A, B and C",
    ],
    Reason.MATH_PROBLEM: [
        "give me 3 tips for learning piano",
        "best laptops under $800 in 2024",
        "plan a 7 day trip to Japan for 2 people",
        "write a 200 word story about a dragon",
        "how do I lose 5 kg in 3 months?",
        "what happened in 1989 in Berlin?",
        "how old is the universe?",
        "how many moons does Jupiter have?",
        "write a python function that adds 2 numbers",
        "suggest a 3 course menu for 6 guests",
        "why do 24/7 shops exist?",
        "compare 4K and 8K televisions",
        "how do I teach fractions to a child?",
        "explain what 95% confidence means",
        "is a 60-40 portfolio still a good idea? I am 45.",
        "I am 30 years old and 180 cm tall. Which sports would suit me?",
        "My flat has 2 rooms and costs 900 euros. How do I save on heating?",
        "I have 2 kids and a budget of $50. What can we do on a rainy day?",
    ],
    Reason.ALREADY_SPECIFIC: [
        "write a blog post about beekeeping",
        "explain vaccines to a child",
        "Write a 300-word story about a fox.",
        "list ideas, include prices, avoid meat",
        "my landlord does not fix the boiler and I am cold every night and do not know what to do about it so please "
        "help me somehow with good advice",
        "tell me something interesting about the history of the city of Graz and also about the people who live there "
        "and what they like to eat in winter",
        "can you help me understand why my houseplants keep dying even though I water them every single day and they "
        "stand right next to a big sunny window?",
        "what should I cook tonight when my friends come over and one of them is vegan and another one does not like "
        "anything that is spicy or sour?",
    ],
}


def cases(table: dict[Reason, list[str]]) -> list[tuple[Reason, str]]:
    return [(reason, text) for reason, texts in table.items() for text in texts]


def test_every_rule_has_cases_on_both_sides() -> None:
    assert set(STOPPED) == set(LET_THROUGH) == set(RULES)
    assert all(len(texts) >= 6 for table in (STOPPED, LET_THROUGH) for texts in table.values())


@pytest.mark.parametrize(("reason", "text"), cases(STOPPED))
def test_it_is_left_alone_for_this_reason(reason: Reason, text: str) -> None:
    assert reason_for(text) is reason


@pytest.mark.parametrize(("near", "text"), cases(LET_THROUGH))
def test_it_goes_on_although_it_is_similar(near: Reason, text: str) -> None:
    assert reason_for(text) is None, f"looks like {near.value}"


@pytest.mark.parametrize("text", STOPPED[Reason.FOLLOW_UP])
def test_a_follow_up_is_one_with_and_without_history(text: str) -> None:
    assert reason_for(text, history=True) is Reason.FOLLOW_UP


@pytest.mark.parametrize(
    "text",
    [
        "what is his most famous book?",
        "can you give an example of that?",
        "I meant the second one",
        "what are the side effects of these?",
        "who wrote it?",
        "in euros",
        "is that true?",
        "and her children?",
        "which of those is cheapest?",
        "explain the third point",
        "you said five, not six",
        "how long does it take?",
        "for two people",
        "with sources",
        "your code does not compile",
    ],
)
def test_with_history_a_short_text_that_points_back_is_a_follow_up(text: str) -> None:
    assert reason_for(text, history=True) is Reason.FOLLOW_UP


@pytest.mark.parametrize(
    "text",
    [
        "what is the capital of Peru?",
        "write a haiku about autumn leaves",
        "how do I boil an egg?",
        "give me three ideas for a school play",
        "plan a weekend trip to Porto",
        "explain photosynthesis to a child",
        "list famous jazz singers",
        "how does a heat pump work?",
        "what is the best way to learn how to swim as an adult?",
        "recommend a film in which the hero loses",
    ],
)
def test_with_history_a_new_topic_goes_on(text: str) -> None:
    assert reason_for(text, history=True) is None


@pytest.mark.parametrize("text", ["thanks!", "ok", "hi again", "Great, thank you very much"])
def test_thanks_are_small_talk_with_and_without_history(text: str) -> None:
    assert reason_for(text) is reason_for(text, history=True) is Reason.SMALL_TALK


def test_a_follow_up_that_brings_its_own_text_goes_on() -> None:
    text = "Summarize this for my boss.\n\nThe ferry was late.\nEverybody waited."
    assert reason_for(text, history=True) is None


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (GatePolicy(skip_math=False), Reason.MATH_PROBLEM),
        (GatePolicy(skip_multiple_choice=False), Reason.MULTIPLE_CHOICE),
        (GatePolicy(skip_specific=False), Reason.ALREADY_SPECIFIC),
    ],
)
def test_an_opinion_about_quality_can_be_switched_off(policy: GatePolicy, reason: Reason) -> None:
    assert reason not in {reason_for(text, policy) for text in STOPPED[reason]}


@pytest.mark.parametrize("text", ["Solve 3x + 5 = 20", "A farmer has 17 sheep. All but 9 run away. How many are left?"])
def test_without_the_math_rule_math_goes_on(text: str) -> None:
    assert reason_for(text, GatePolicy(skip_math=False)) is None


def test_without_the_rule_a_specific_prompt_goes_on() -> None:
    assert {reason_for(text, GatePolicy(skip_specific=False)) for text in STOPPED[Reason.ALREADY_SPECIFIC]} == {None}


@pytest.mark.parametrize("text", STOPPED[Reason.LANGUAGE])
def test_no_languages_means_all_languages(text: str) -> None:
    assert reason_for(text, GatePolicy(languages=())) is not Reason.LANGUAGE


def test_a_language_of_the_checkpoint_goes_on_and_others_do_not() -> None:
    policy = GatePolicy(languages=("de",))
    assert reason_for("schreibe ein Gedicht über den Herbst", policy) is None
    assert reason_for("escribe un poema sobre el mar", policy) is Reason.LANGUAGE
    assert reason_for("write a poem about the sea and the wind", policy) is Reason.LANGUAGE


@pytest.mark.parametrize(("most", "reason"), [(7, Reason.TOO_LONG), (8, None)])
def test_the_budget_of_words_is_a_policy_and_its_last_word_is_allowed(most: int, reason: Reason | None) -> None:
    assert reason_for("how do I keep my houseplants healthy indoors?", GatePolicy(max_words=most)) is reason


def test_the_budget_of_words_is_for_the_instruction_and_not_for_its_context() -> None:
    text = "Summarize this in one line.\n\n" + "The ferry was late.\n" * 50
    assert reason_for(text, GatePolicy(max_words=10)) is None


@pytest.mark.parametrize("reason", HARD)
def test_what_must_be_left_alone_stays_so_without_the_gate(reason: Reason) -> None:
    assert {must_leave_alone(text, split(text), POLICY) for text in STOPPED[reason]} == {reason}


@pytest.mark.parametrize("reason", [reason for reason in RULES if reason not in HARD])
def test_without_the_gate_opinions_do_not_count(reason: Reason) -> None:
    assert {must_leave_alone(text, split(text), POLICY) for text in STOPPED[reason]} == {None}


def test_the_hard_limits_are_blank_unreadable_and_too_long() -> None:
    assert set(HARD) == {Reason.BLANK, Reason.UNSUPPORTED_CHARACTERS, Reason.TOO_LONG}


PIECES = st.one_of(
    st.text(st.characters(), max_size=10),
    st.sampled_from([text[:80] for _, text in cases(STOPPED) + cases(LET_THROUGH)]),
    st.sampled_from(["\n", "\r\n", " ", ": ", "?", "1. ", "A) ", "x = 2", "(", ")", "```", "{", "</a>", "<", "%"]),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.lists(PIECES, max_size=8).map("".join),
    history=st.booleans(),
    policy=st.builds(
        GatePolicy,
        languages=st.sampled_from([(), ("en",), ("de", "en"), ("xx",)]),
        max_words=st.integers(1, 300),
        skip_specific=st.booleans(),
        skip_multiple_choice=st.booleans(),
        skip_math=st.booleans(),
    ),
)
def test_the_gate_never_raises_and_answers_with_a_reason_of_its_own(
    text: str, history: bool, policy: GatePolicy
) -> None:
    parts = split(text)
    reason = should_rewrite(text, parts, policy, has_history=history)
    hard = must_leave_alone(text, parts, policy)
    assert reason is None or reason in RULES
    assert hard is None or (hard in HARD and reason is hard)


@pytest.mark.parametrize(
    ("head", "unit", "tail"),
    [
        *[("", unit, "") for unit in ["a: ", "(", ",", "how ", "1 ", "hi ", "ok, ", "x = ", "<a>", "{", "1. "]],
        *[("", unit, "?") for unit in ["A) x ", "what is 2 ", "it ", "for x, ", "\u00e9", '"']],
        *[(head, unit, "x") for head, unit in [("x", "\n"), ("how?", " \n"), ("x\n", "x "), ("", "    x\n")]],
    ],
)  # fmt: skip
def test_the_time_of_the_gate_grows_in_line_with_the_length(head: str, unit: str, tail: str) -> None:
    count = 6000 // len(unit)
    short, long = head + unit * count + tail, head + unit * 4 * count + tail
    assert any(_seconds(long, 2) / _seconds(short, 5) < 9 for _ in range(3))  # 4 is linear, 16 is quadratic


def _seconds(text: str, repeats: int) -> float:
    """Least processor time of all rules together."""
    parts, times = split(text), []
    for _ in range(repeats):
        started = time.process_time()
        for rule in RULES.values():
            rule(text, parts, POLICY, True)
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize("text", ["2 + 2 = ?", "12 / 4 + 7", "17 * 23"])
def test_a_bare_expression_is_a_math_problem(text: str) -> None:
    assert reason_for(text) is Reason.MATH_PROBLEM


@pytest.mark.parametrize(
    "text",
    [
        "If 3 pens cost $6, how much do 7 pens cost?",
        "What is 15% of 240?",
        "what is the square root of 144?",
        "how much is 3 times 14?",
        "All zabs are zobs. Some zobs are zubs. Does it follow that some zabs are zubs?",
        "No cats are dogs. All dogs are loud. So what of cats?",
    ],
)
def test_a_problem_of_one_sentence_is_a_math_problem(text: str) -> None:
    assert reason_for(text) is Reason.MATH_PROBLEM


@pytest.mark.parametrize(
    "text",
    [
        "I work 8 to 5. What time should I go to the gym?",
        "My dog is 3 years old and weighs 12 kg. How much should it eat?",
        "My router shows 5 GHz and 2.4 GHz. Which should I use? How far do they reach?",
    ],
)
def test_a_question_of_daily_life_with_numbers_goes_on(text: str) -> None:
    assert reason_for(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "make it rain in a short story about a farmer",
        "what about the history of jazz makes it special?",
        "how about a recipe for lentil soup?",
        "turn this week's leftovers into dinner ideas",
        "and how do vaccines work?",
        "put these in order: Mars, Venus, Earth",
        "keep it simple: how does a fridge work?",
    ],
)
def test_a_complete_request_that_begins_like_a_follow_up_goes_on(text: str) -> None:
    assert reason_for(text) is None


@pytest.mark.parametrize(
    "text", ["shorter please", "again", "a bit longer, please", "i meant the other one, not the red one"]
)
def test_a_short_wish_about_the_last_answer_is_a_follow_up(text: str) -> None:
    assert reason_for(text) is Reason.FOLLOW_UP


@pytest.mark.parametrize(
    "text", ["cat breeds that like water", "cat names", "cd players worth buying", "ls alternatives on windows"]
)
def test_a_topic_that_begins_with_the_name_of_a_command_goes_on(text: str) -> None:
    assert reason_for(text) is None


@pytest.mark.parametrize("text", ["rm -rf build", "make install", "brew install jq", "mkdir -p a/b"])
def test_other_commands_are_not_requests_either(text: str) -> None:
    assert reason_for(text) is Reason.NOT_A_REQUEST


def test_fenced_code_alone_is_not_a_request() -> None:
    assert reason_for("```python\nprint(1)\n```") is Reason.NOT_A_REQUEST


def test_a_request_to_translate_a_foreign_question_goes_on() -> None:
    assert reason_for("Translate this into English.\n\nWie koche ich ein weiches Ei?") is None


@pytest.mark.parametrize(
    "text",
    ["ssh says my key is refused, why", "I open a bakery in May. What do I need?", "I cut sugar, what can I eat?"],
)
def test_a_question_that_begins_like_a_command_or_a_move_goes_on(text: str) -> None:
    assert reason_for(text) is None
