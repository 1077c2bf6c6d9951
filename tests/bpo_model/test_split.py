"""The instruction is found among pasted material, and nothing of the prompt is ever lost."""

import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bpo_model.split import split

EMAIL = "Hi Dana,\nthe boiler in block C is leaking again.\nRegards, Piet"
POEM = "The harbour sleeps in silver grey,\nthe gulls have gone, the boats delay,\nand morning never minds the hour."
CSV = "region,month,units\nnorth,may,14\nsouth,may,31\nwest,may,9"
LOG = "2031-04-02 10:11:09 INFO worker started\n2031-04-02 10:11:12 ERROR socket closed"
ARTICLE = "The town council voted on Monday to close the old bridge. Repairs would cost more than a new one."
TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "shop.py", line 9, in <module>\n'
    "    total = price * count\n"
    "NameError: name 'price' is not defined"
)
FENCED = "```python\ndef area(r):\n    # what about negative numbers?\n    return 3.14 * r * r\n```"

INSTRUCTION_FIRST = {
    "e-mail": ("Summarize this e-mail in one sentence.", f"\n\n{EMAIL}"),
    "e-mail with requests in it, after a colon": (
        "Write a polite reply to this e-mail:",
        "\n\nDear Sir or Madam,\nCould you tell me when the shop opens?\nBest wishes,\nOlga",
    ),
    "review": (
        "Classify the sentiment of this review as positive or negative.",
        "\n\nThe blender arrived with a cracked lid and nobody answers the phone.",
    ),
    "pointer to the text below": (
        "Translate the following text into Italian:",
        "\nThe ferry leaves at nine.\nBring a warm coat.",
    ),
    "pasted article": ("Give me three headlines for this article.", f"\n\n{ARTICLE}"),
    "instruction of two lines": (
        "Rewrite this paragraph.\nKeep it under fifty words.",
        "\n\nOur office will move in June. The new rooms are larger and have a kitchen.",
    ),
    "CSV": ("Which region sold the most?", f"\n\n{CSV}"),
    "tab-separated rows": ("Sort these rows by price.", "\nname\tprice\npear\t3\nplum\t2"),
    "Markdown table": (
        "Turn this table into prose.",
        "\n\n| city | trams |\n|---|---|\n| Ghent | 4 |\n| Graz | 6 |",
    ),
    "JSON": ("Extract all e-mail addresses from this JSON.", '\n{"users": [\n  {"mail": "a@example.org"}\n]}'),
    "YAML": ("What is wrong with this config?", "\n\nserver:\n  port: 80\n  host local"),
    "HTML": ("Make this page accessible.", '\n<div onclick="go()">Go</div>\n<img src="cat.png">'),
    "log": ("What went wrong here?", f"\n\n{LOG}"),
    "traceback": ("Why does my script crash?", f"\n\n{TRACEBACK}"),
    "JavaScript stack": (
        "How do I fix this error?",
        "\n\nTypeError: x is undefined\n    at render (app.js:10:5)\n    at main (app.js:2:1)",
    ),
    "fenced code": ("Explain what this function does.", f"\n\n{FENCED}"),
    "fenced code with a question in a comment": ("Find the bug.", "\n```js\n// what does this print?\nlet a = 1\n```"),
    "tilde fence": ("Find the bug.", "\n~~~\nHow many loops run here?\n~~~"),
    "code without a fence": ("Convert this function to Rust.", "\n\ndef double(x):\n    return x * 2"),
    "SQL": ("Optimize this query.", "\n\nSELECT name\nFROM visitors\nWHERE age > 30;"),
    "diff": ("Write a commit message for this diff.", "\n\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a = 1\n+a = 2"),
    "poem": ("Explain the mood of this poem.", f"\n\n{POEM}"),
    "poem that begins like a request": (
        "Explain this poem.",
        "\n\nThe river asked:\nshow me the fields you know,\ntell me where you go.",
    ),
    "chat with names": (
        "Summarize this conversation.",
        "\n\nAnna: did the parcel arrive?\nBen: not yet\nAnna: I will call them",
    ),
    "chat whose lines ask": (
        "Summarize this chat.",
        "\nAnna: can you send the file?\nBen: which file?\nAnna: please look in the inbox",
    ),
    "meeting with times": (
        "List the action items from this meeting.",
        "\n\n[10:02] Mara: we need a new caterer\n[10:03] Luis: I can ask around\n[10:05] Mara: please do",
    ),
    "bullets": ("Sort this list alphabetically.", "\n- pear\n- apple\n- fig"),
    "numbers": ("Which of these would you cut first?", "\n1. gym\n2. magazine\n3. second car"),
    "options": ("Which planet has rings?", "\nA) Mars\nB) Saturn\nC) Venus"),
    "fields": ("Write a product description.", "\nProduct: a folding kettle\nTone: funny"),
    "requirements": ("Write a poem about rain.", "\n\nRequirements:\n- four lines\n- no rhymes"),
    "spam that makes demands": (
        "Is this spam?",
        "\n\nDear friend, you won! Click here to claim your prize.",
    ),
    "Windows line ends": ("Summarize this.", "\r\n\r\nThe ferry was late.\r\nEverybody waited."),
}

INSTRUCTION_LAST = {
    "e-mail": (f"{EMAIL}\n\n", "Summarize the e-mail above."),
    "fenced code": ("```python\nprint(1)\n```\n\n", "What does this code print?"),
    "code without a fence": ("def double(x):\n    return x * 2\n\n", "Add type hints."),
    "CSV": (f"{CSV}\n\n", "Which region sold the most?"),
    "poem": (f"{POEM}\n\n", "Who could have written this?"),
    "article": (f"{ARTICLE}\n\n", "Write a headline for this."),
    "log": (f"{LOG}\n\n", "Why did it stop?"),
    "SQL": ("SELECT * FROM visits;\n", "why is this slow?"),
    "titled essay": (
        "My essay:\n\nDogs are loyal. They guard the house.\n\n",
        "Please grade it from 1 to 10 and explain why.",
    ),
    "greeting": ("hi\n", "what is jazz"),
    "background": ("I am planning a trip to Porto.\nWe are two adults and a child.\n\n", "What should we see?"),
}

INLINE = {
    "Translate into French:": " Good morning",
    "Summarize this text:": " The ferry was late because of the storm.",
    "Fix the grammar:": " she go to school yesterday",
    "Please correct the spelling of this sentence:": " the wether is nise",
    "Rewrite:": " i has a apple",
    "Identify the nouns:": " The cat sat on the mat.",
    "Turn this into a question:": " the sky is blue.",
    "Continue the story:": " Once upon a time there was a fox.",
    "Edit the following for clarity:": " we was there: all of us",
}

WHOLE_LINE = [
    "tell me about tea",
    "Write a haiku about this season: autumn",
    "I have one question: how do vaccines work?",
    "tell me about the film Mission: Impossible",
    "remind me what happens at 10:30 in a typical school day",
    "read https://example.org/a/b and tell me what it says",
    "who said “Translate: never explain”?",
    "explain f(x) = x + 1",
    "what is the ratio 3:2 used for in photography?",
    "best laptop under $800",
    "Write an essay about love: its beauty and its pain",
]

LABELLED = [
    ("Question: ", "How often does the ferry run?", "\nContext: The ferry runs hourly."),
    ("Context: The ferry runs hourly.\nQuestion: ", "How often does the ferry run?", ""),
    ("Passage: Bees dance.\nThe dance shows the way.\nTask: ", "Explain the dance in plain words.", "\nAnswer:"),
    ("The office closes at noon.\n\nMy question: ", "when does the office close?", ""),
    ("Text: bees dance\nInstruction: ", "Translate the text into Dutch.", "\nOutput:"),
    ("Customer note: the lamp flickers.\nUser request: ", "suggest a fix", "\n"),
    ("Bees dance.\n  QUERY :  ", "why do bees dance?", ""),
]

UNCLEAR = {
    "heading above a letter": "NORTH STREET CHOIR\nTo all singers\n\nDear all,\n\nWe meet at eight now.\n\nMax",
    "labelled examples": "Question: Who painted it?\nAnswer: Vermeer\nQuestion: Who framed it?\nAnswer:",
    "word pairs": "English: cat\nDutch: kat\nEnglish: dog\nDutch:",
    "a table to go on with": "frog | 4 legs\nfly | 6 legs\nsnail |",
    "poem alone": POEM,
    "CSV alone": CSV,
    "chat alone": "Anna: the parcel is here\nBen: great news\nAnna: see you later",
    "e-mail alone": EMAIL,
    "shopping list": "milk\nbread\neggs\nbutter",
    "article alone": ARTICLE.replace(". ", ".\n"),
}

HIDDEN = {
    "zero-width": "\u200b\u200d\u2060\ufeff",
    "right to left": "\u202e\u05d0\u0627\u200f\u2067",
    "lone surrogates": "\ud800\udfff",
    "line separators": "\x0b\x0c\x1c\x85\u2028\u2029",
    "no-break spaces": "\u00a0\u2003\u3000",
}

FRAGMENTS = st.one_of(
    st.text(st.characters(), max_size=8),
    st.sampled_from(
        [
            *HIDDEN.values(), "\r\n", "\n", "\n\n", "\t", " ", "    ", "```\n", "~~~", ": ", "a,b,c,d\n", "- item\n",
            "Q: ", "A: ", "Question: ", "Task:", "Summarize this", "Translate into French:", "what is that?",
            "Hi Jo,\n", "def f(x):", "{", "}", "ERROR", "please", "| a | b |\n", "1. ", "the following", "👩‍🚀",
        ]
    ),
)  # fmt: skip
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXTS = st.one_of(st.text(st.characters()), st.lists(FRAGMENTS, max_size=12).map("".join))


@PATIENT
@given(TEXTS)
@example("")
@example(" \r\n ")
@example("Summarize this:\r\n\r\n\ud800\u202e")
@example("```\n```\n```")
def test_the_three_parts_are_the_prompt(text: str) -> None:
    parts = split(text)
    assert parts.before + parts.instruction + parts.after == text
    assert parts.put_back(parts.instruction) == text
    assert parts.context == parts.before + parts.after


@PATIENT
@given(TEXTS)
@example("\u2028Summarize this.\x85")
@example("Question: \u3000\nwhat?")
def test_the_instruction_neither_starts_nor_ends_with_white_space(text: str) -> None:
    instruction = split(text).instruction
    assert instruction == instruction.strip()


@PATIENT
@given(TEXTS)
def test_only_white_space_has_no_instruction(text: str) -> None:
    assert bool(split(text).instruction) is bool(text.strip())


@PATIENT
@given(TEXTS)
def test_the_answer_never_changes(text: str) -> None:
    assert split(text) == split(text)


@PATIENT
@given(TEXTS, st.sampled_from([" ", "\n", "\r\n\t", "\u3000"]))
def test_white_space_around_the_prompt_does_not_change_the_instruction(text: str, space: str) -> None:
    assert split(space + text + space).instruction == split(text).instruction


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_unusual_characters_in_the_context_stay_there(hidden: str) -> None:
    context = f"\n\nThe ferry{hidden} was late.\nEverybody {hidden} waited.\n{hidden}"
    parts = split("Summarize this." + context)
    assert (parts.before, parts.instruction, parts.after) == ("", "Summarize this.", context)


@pytest.mark.parametrize(("instruction", "context"), INSTRUCTION_FIRST.values(), ids=INSTRUCTION_FIRST)
def test_an_instruction_above_its_context_is_found(instruction: str, context: str) -> None:
    parts = split(instruction + context)
    assert (parts.before, parts.instruction, parts.after) == ("", instruction, context)
    assert parts.clear


@pytest.mark.parametrize(("context", "instruction"), INSTRUCTION_LAST.values(), ids=INSTRUCTION_LAST)
def test_an_instruction_below_its_context_is_found(context: str, instruction: str) -> None:
    parts = split(context + instruction)
    assert (parts.before, parts.instruction, parts.after) == (context, instruction, "")
    assert parts.clear


@pytest.mark.parametrize(("instruction", "context"), INLINE.items())
def test_the_data_after_a_colon_is_context(instruction: str, context: str) -> None:
    parts = split(instruction + context)
    assert (parts.before, parts.instruction, parts.after) == ("", instruction, context)
    assert parts.clear


@pytest.mark.parametrize("text", WHOLE_LINE)
def test_a_single_line_is_the_instruction(text: str) -> None:
    parts = split(text)
    assert (parts.before, parts.instruction, parts.after) == ("", text, "")
    assert parts.clear


@pytest.mark.parametrize(("before", "instruction", "after"), LABELLED)
def test_the_line_with_the_label_is_the_instruction(before: str, instruction: str, after: str) -> None:
    parts = split(before + instruction + after)
    assert (parts.before, parts.instruction, parts.after) == (before, instruction, after)
    assert parts.clear


@pytest.mark.parametrize(
    ("text", "instruction"),
    [
        ("a=1 b=2 msg=set it to low\nc=3 d=4\n\nWhich line is worse? Say why.", "Which line is worse? Say why."),
        ("see [url=https://a.example/?p=1]here[/url]\n\nName the first tag above.", "Name the first tag above."),
        ("Name: Lee, A.\n2001-2003 cook\n\nturn it into a profile", "turn it into a profile"),
        ("npm ERR! code 7\nnpm ERR! path /a\n\nwhat is wrong?", "what is wrong?"),
        ("Is this answer right?\n\nQuestion: Who sang?\nAnswer: Lee did.", "Is this answer right?"),
        ("what happened here?\nT+00:01 ALFA: you are go for it.\nT+00:02 BRAVO: go", "what happened here?"),
    ],
)
def test_data_that_looks_like_a_request_stays_data(text: str, instruction: str) -> None:
    assert split(text).instruction == instruction


@pytest.mark.parametrize("text", UNCLEAR.values(), ids=UNCLEAR)
def test_lines_without_a_recognizable_request_are_unclear(text: str) -> None:
    parts = split(text)
    assert not parts.clear
    assert parts.instruction == text


@pytest.mark.parametrize(
    "text",
    [
        "Write a short story about a lighthouse keeper.\nMake it sad but hopeful.",
        "You are a helpful travel agent.\n\nPlan two days in Porto.",
        "Suggest a menu for six guests.\nPlease keep it vegan.\nWhat wine goes with it?",
    ],
)
def test_several_lines_that_all_ask_are_one_instruction(text: str) -> None:
    assert split(text).instruction == text
    assert split(text).clear


@pytest.mark.parametrize(
    ("before", "after"), [("  \n\t", " \r\n\n"), ("\u3000", "\u2028"), ("", "\n"), ("\x0c", "\x1c"), ("\r\n", "")]
)
def test_white_space_around_the_prompt_is_context(before: str, after: str) -> None:
    parts = split(f"{before}tell me about tea{after}")
    assert (parts.before, parts.instruction, parts.after) == (before, "tell me about tea", after)


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\r\n \t", "\u2003\u2028"])
def test_white_space_alone_is_all_context(text: str) -> None:
    assert (split(text).before, split(text).instruction, split(text).after) == (text, "", "")


def test_another_instruction_goes_between_the_same_context() -> None:
    parts = split(f"\n{CSV}\n\nWhich region sold the most?\n")
    assert parts.put_back("Which region sold the most units?") == f"\n{CSV}\n\nWhich region sold the most units?\n"


@pytest.mark.parametrize(
    ("instruction", "context"),
    [
        ("Translate this dialogue into Spanish.", "\n\nWhere is the station?\nTurn left at the bakery."),
        ("Proofread this e-mail.", "\n\nPlease find attached the report.\nCan you check the numbers?"),
        ("Can you explain this poem?", "\n\nCan you hear the harbour bell?\nWho will ring it, who can tell?"),
        ("Translate to Dutch", "\nHow are you?"),
    ],
)
def test_context_that_asks_is_still_context(instruction: str, context: str) -> None:
    parts = split(instruction + context)
    assert (parts.before, parts.instruction, parts.after) == ("", instruction, context)


@pytest.mark.parametrize(
    "text",
    [
        "Q: What is 2 + 2?\nA: 4\nQ: What is 3 + 3?\nA: 6\nQ: What is 4 + 4?\nA:",
        "Q: Who wrote Emma?\nA: Austen\nQ: Who wrote Dracula?\nA:",
        "Review: loved it\nSentiment: positive\nReview: broke at once\nSentiment: negative\nReview: fine\nSentiment:",
        "Input: happy\nOutput: sad\nInput: tall\nOutput: short\nInput: fast\nOutput:",
        "User: what is jazz?\nAssistant: A kind of music.\nUser: who invented it?",
    ],
)
def test_examples_and_transcripts_are_unclear(text: str) -> None:
    assert not split(text).clear


@pytest.mark.parametrize(
    ("before", "instruction"),
    [
        (
            "10:02 Lena: can we meet on friday\n10:03 Ola: no, dentist\n10:07 Lena: what about noon?\n\n",
            "who is busy when",
        ),
        ("BOSS: Do you have the key?\nME: ask the cat!\nBOSS: Not funny.\n\n", "is this a good reply? explain"),
    ],
)
def test_lines_of_speakers_are_no_requests(before: str, instruction: str) -> None:
    parts = split(before + instruction)
    assert (parts.before, parts.instruction) == (before, instruction)


@pytest.mark.parametrize(
    ("before", "instruction"),
    [
        ("> > When do you send it?\n> It is on its way.\nIt is not.\n\n", "draft my next mail in this thread"),
        ("When the lamp went out, the cat was blamed. Nobody spoke.\n\n", "Continue for one more paragraph."),
    ],
)
def test_mail_quotes_and_stories_are_no_requests(before: str, instruction: str) -> None:
    parts = split(before + instruction)
    assert (parts.before, parts.instruction) == (before, instruction)


def test_a_verb_with_a_colon_is_no_speaker() -> None:
    assert split("Summarize: what did they agree on?\n\nWe met at noon.\nLena pays.").after.endswith("Lena pays.")


def test_tidy_up_is_a_request() -> None:
    assert split("tidy up this note, keep all facts\n\nFriday 7pm. (bot: add cake) bring a cup").instruction == (
        "tidy up this note, keep all facts"
    )


@pytest.mark.parametrize("text", ["10:11:09 INFO worker started\n10:11:12 ERROR socket closed"])
def test_a_short_log_alone_is_unclear(text: str) -> None:
    assert not split(text).clear


def test_broken_code_is_context() -> None:
    assert split("Fix this code\nprint('hi'").instruction == "Fix this code"


@pytest.mark.parametrize(
    "instruction", ["Scale this recipe for twelve people.", "Shrink this paragraph.", "Swap the names in this text."]
)
def test_a_verb_that_is_rare_in_requests_still_opens_one(instruction: str) -> None:
    parts = split(f"{instruction}\n\nFlour and butter are mixed first. The eggs come last.")
    assert (parts.instruction, parts.clear) == (instruction, True)


def test_a_list_of_questions_is_not_cut_after_the_first() -> None:
    text = "1. What is a verb?\n2. What is a noun?\n3. What is an adverb?"
    assert split(text).instruction == text or not split(text).clear


@pytest.mark.parametrize(
    ("head", "unit", "tail"),
    [
        *[("", unit, "") for unit in ["\n", "a: ", "(", ",", "`", "how ", "    x\n", "```\n", "Q: a?\n", "a,\n"]],
        *[("x\n", unit, "") for unit in [",", "`", "a, b, ", "how? ", "for x, ", "\t", "how ", "a(", "a b c ", ": "]],
        *[("how?\n", unit, "") for unit in ["\n", ",", "    x\n", "A: x\n", "Question:\n", "select the ", "what to "]],
        *[("", unit, "\nx") for unit in ["a | ", "a b | ", "| "]],
        *[("", unit, "\nx") for unit in ["how ", "a(", "a", "for the ", "hi ", "given a ", "1.", '"', "= "]],
        ("Summarize this.\n\n", "the ferry was late. ", ""),
        ("", "the ferry was late and everybody waited ", "\n\nSummarize this."),
    ],
)  # fmt: skip
def test_the_time_grows_in_line_with_the_length(head: str, unit: str, tail: str) -> None:
    count = 4000 // len(unit)
    texts = head + unit * count + tail, head + unit * 4 * count + tail
    assert any(_ratio(*texts) < 9 for _ in range(3))  # 4 is linear, 16 is quadratic


def _ratio(short: str, long: str) -> float:
    """How much longer the longer text takes, each at its best."""
    return min(_seconds(long) for _ in range(2)) / min(_seconds(short) for _ in range(5))


def _seconds(text: str) -> float:
    """Processor time of one split: waiting for other processes does not count."""
    started = time.process_time()
    split(text)
    return time.process_time() - started


@pytest.mark.parametrize(
    ("before", "instruction"),
    [
        ("Hi all,\nthe lift is out. Please do not use it.\nYours, Ann\n", "make this a poster, at most 20 words"),
        (
            "Hi all,\nno tea today. Sorry!\nYours, Ann\n",
            "make this a sign for the kitchen door, big letters, 9 words, funny",
        ),
        ('Q1 What did you like? "the soup"\nQ2 What not? "the wait"\n', "Summarize these answers fairly."),
        ("plant;height;price\nfern;20;4,50\n", "convert to csv with decimal points"),
        ("EXPLAIN SELECT\n  Filter: price > 3\n  Rows: 20\n", "why is the index not used"),
    ],
)
def test_a_letter_a_form_a_table_and_a_plan_above_the_request_are_context(before: str, instruction: str) -> None:
    found = split(before + instruction)
    assert (found.before, found.instruction) == (before, instruction)
