"""Nothing hard may be lost or invented: numbers, units, links, quotes, code, names of programs, variables."""

import pytest

from bpo_model.contract import verify
from bpo_model.schema import Violation

Pair = tuple[str, str]


def failed(original: str, candidate: str) -> list[str]:
    """Names of the failed checks, in order."""
    return [violation.check for violation in verify(original, candidate)]


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("3 tips", "Give me three tips"),
        ("top 10 movies of the 1980s", "List the top ten movies of the 1980s."),
        ("write twelve riddles about cheese", "Write 12 riddles about cheese."),
        ("cake with a dozen eggs", "How do I bake a cake with 12 eggs?"),
        ("rome trip, budget $1,000", "Plan a trip to Rome on a budget of $1000."),
        ("what is 15 % of my salary after tax", "How do I work out 15% of my salary after tax?"),
        ("how did people dress in the 18th century", "Describe how people dressed in the 18th century."),
        ("is 37.5 °C a fever", "Is 37.5°C a fever, and when should I see a doctor?"),
        ("meeting moved to 14:30 on 12/05/2024, tell the team", "Tell the team: meeting moved to 14:30 on 12/05/2024."),
        ("five-star hotels in vienna", "Recommend 5-star hotels in Vienna."),
        ("¿cuánto es el 15% de 80?", "¿Cuánto es el 15% de 80? Explica el cálculo."),
        ("сколько дней было в 2024 году", "Сколько дней было в 2024 году и почему?"),
        ("2024年の経済", "2024年の経済について説明してください。"),
        ("٣ نصائح للنوم", "أعطني ٣ نصائح للنوم الجيد"),
        ("३ सुझाव दो", "कृपया ३ सुझाव दो"),
        ("write 1 poem", "Write one poem."),
        ("a 15 minute workout", "Suggest a fifteen minute workout."),
        ("twenty-five names for a cat", "List 25 names for a cat."),
        ("answer in 3-4 sentences", "Answer in 3 to 4 sentences."),
        ("ages 6-8 reading games", "Suggest reading games for ages 6–8."),
    ],
)
def test_number_in_digits_or_words_is_kept(original: str, candidate: str) -> None:
    assert "numbers_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("laptop under $800", "a good laptop"),
        ("10 names for a bakery", "Suggest names for a bakery."),
        ("recipe that serves 4", "Write a recipe that serves six."),
        ("tax rules in 2019", "Explain the tax rules in 2018."),
        ("what are the seven wonders", "What are the wonders of the world?"),
        ("gift for $50", "Suggest a gift for €50."),
        ("is a 5% fee normal", "Is a fee of 5 normal?"),
        ("hotel with 3.5 stars", "Find a hotel with 35 stars."),
        ("cake with 2 cups of flour and 2 eggs", "Write a cake recipe with 2 cups of flour and some eggs."),
        ("ERROR 137 in the log, what now", "The log shows an error. What should I do?"),
        ("3 Tipps gegen Stress", "Welche Tipps gibt es gegen Stress?"),
        ("写3个故事", "写几个有趣的故事"),
        ("٣ نصائح للنوم", "أعطني نصائح للنوم"),
        ("what to wear at -5 degrees", "What should I wear at 5 degrees?"),
        ("bread with ½ cup of sugar", "How do I bake bread with sugar?"),
    ],
)
def test_lost_number_is_a_violation(original: str, candidate: str) -> None:
    assert "numbers_kept" in failed(original, candidate)


def test_lost_number_is_named_with_its_currency() -> None:
    found = verify("best laptop for $800", "Which laptop is the best?")
    assert found == (Violation("numbers_kept", "lost $800", "Which laptop is the best?"),)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("some tips", "a few tips"),
        ("three ideas for a startup", "Give me 3 ideas for a startup."),
        ("what is covid-19", "What is covid-19 and how does it spread?"),
        ("plan a week in oslo", "Plan a week in Oslo, one day at a time."),
        ("h2o vs co2", "Compare H2O with CO2."),
        ("price of $2,500 fair?", "Is a price of $2500 fair?"),
        ("Tipps gegen Stress", "Welche zwei oder drei Tipps helfen gegen Stress?"),
        ("列出一些想法", "请列出一些想法，并解释原因"),
    ],
)
def test_digits_that_the_prompt_has_are_not_invented(original: str, candidate: str) -> None:
    assert "numbers_invented" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("some tips", "Give 7 tips"),
        ("laptop for students", "Which laptop under $500 suits students?"),
        ("history of the moon landing", "Explain the history of the 1969 moon landing."),
        ("a workout for beginners", "Suggest a 20-minute workout for beginners."),
        ("explain inflation", "Explain inflation in 3 paragraphs."),
        ("what is a good interest rate", "Is 4.5% a good interest rate?"),
        ("2 tips for chess", "Give 2 tips for chess, and 2 for go."),
        ("Tipps gegen Stress", "Nenne 5 Tipps gegen Stress."),
        ("कुछ सुझाव दो", "कृपया 5 सुझाव दो"),
    ],
)
def test_invented_digits_are_a_violation(original: str, candidate: str) -> None:
    assert "numbers_invented" in failed(original, candidate)


def test_invented_number_is_named() -> None:
    assert Violation("numbers_invented", "invented 7", "Give 7 tips") in verify("some tips", "Give 7 tips")


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("run 8km", "run 8 km"),
        ("how long to run 8 km", "How long does it take to run 8km?"),
        ("a 10 min talk on bees", "Write a 10-minute talk on bees."),
        ("drive 300 mi in an ev", "How do I drive 300 mi in an EV?"),
        ("essay of 500 words on trust", "Write an essay on trust in 500 words."),
        ("is 6 ft tall", "Is 6 feet tall?"),
        ("save 200 dollars a month", "How can I save 200 dollars every month?"),
        ("5 kg rice for 20 people", "Is 5kg of rice enough for 20 people?"),
        ("sleep 7 hrs", "Is it enough to sleep 7 hours?"),
        ("8 GB RAM laptop", "Which laptop has 8GB of RAM?"),
        ("list 5 points on kant", "List five points on Kant."),
    ],
)
def test_unit_in_another_spelling_is_kept(original: str, candidate: str) -> None:
    assert "units_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("run 8 km", "run 8 miles"),
        ("a 10 minute talk on bees", "Write a 10 hour talk on bees."),
        ("essay of 500 words on trust", "Write an essay on trust in 500 sentences."),
        ("boil it for 3 min", "Boil it for 3 seconds, please."),
        ("take 200 mg of ibuprofen", "Is it safe to take 200 g of ibuprofen?"),
        ("mortgage over 30 years", "Explain a mortgage over 30 months."),
        ("a 16 gb laptop", "Which laptop has 16 TB?"),
        ("contract of 2 weeks", "Draft a contract of 2 days."),
        ("summary in 5 lines", "Write a summary in 5 pages."),
        ("a 10 minute talk on bees", "Write a talk on bees at level 10."),
        ("take 200 mg of it", "Is it safe to take 200 µg of it?"),
    ],
)
def test_changed_unit_is_a_violation(original: str, candidate: str) -> None:
    assert "units_kept" in failed(original, candidate)


def test_changed_unit_is_named() -> None:
    assert Violation("units_kept", "changed 8 km", "Run 8 miles.") in verify("run 8 km", "Run 8 miles.")


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("fix app/main.py", "Fix the bug in app/main.py"),
        ("summarize https://example.org/a?b=1&c=2", "Summarize the page https://example.org/a?b=1&c=2."),
        ("mail to ann.lee@example.com about rent", "Write an e-mail to ann.lee@example.com about the rent."),
        ("what is in /etc/hosts", "What is in the file /etc/hosts?"),
        ("rename C:\\temp\\old.txt", "How do I rename C:\\temp\\old.txt?"),
        ("close JIRA-1234 and #77", "Close JIRA-1234 and #77, please."),
        ("upgrade to v2.10.3", "How do I upgrade to v2.10.3?"),
        ("revert 9fceb02 on main", "Revert 9fceb02 on main and say why."),
        ("open readme.md and data.csv", "Open readme.md and data.csv."),
        ("resume lee www.example.com/cv", "Résumé: see www.example.com/cv. Review it."),
        ("tweet for @greenbakery", "Write a tweet for @greenbakery."),
        ("解释 /var/log/syslog", "请解释 /var/log/syslog 的内容"),
        ("pros and cons of tea", "Explain the pros and/or cons of tea."),
    ],
)
def test_same_link_or_path_passes(original: str, candidate: str) -> None:
    assert "links_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("fix app/main.py", "Fix the main file"),
        ("summarize https://example.org/a", "Summarize https://example.org/b."),
        ("summarize https://example.org/a", "Summarize the page."),
        ("mail to ann.lee@example.com", "Write an e-mail to ann.leigh@example.com."),
        ("what is in /etc/hosts", "What is in /etc/passwd?"),
        ("rename C:\\temp\\old.txt", "How do I rename C:\\temp\\new.txt?"),
        ("close JIRA-1234", "Close JIRA-1235."),
        ("upgrade to v2.10.3", "How do I upgrade to v2.10?"),
        ("explain the solar system", "Explain the solar system, see https://example.org."),
        ("clean up data.csv", "Clean up data.csv and write clean.csv."),
        ("revert 9fceb02", "Revert 9fceb03."),
        ("解释 /var/log/syslog", "请解释 /var/log/messages"),
        ("Erkläre https://example.de/recht", "Erkläre bitte die Seite zum Recht."),
    ],
)
def test_changed_link_or_path_is_a_violation(original: str, candidate: str) -> None:
    assert "links_kept" in failed(original, candidate)


def test_lost_and_invented_links_are_named() -> None:
    assert Violation("links_kept", "lost /etc/hosts", "What is it?") in verify("what is in /etc/hosts", "What is it?")
    found = [violation.detail for violation in verify("explain it", "Explain it, see a.pdf.")]
    assert found == ["invented a.pdf"]


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ('explain "carpe diem"', 'What does "carpe diem" mean?'),
        ('translate "good morning." into thai', "Translate “good morning” into Thai."),
        ("what does 'force majeure' mean", 'What does "force majeure" mean in law?'),
        ('was heißt "Fernweh" auf Englisch', "Was heißt „Fernweh“ auf Englisch?"),
        ("que signifie « l'esprit de l'escalier »", "Que signifie « l'esprit de l'escalier » et d'où vient-il ?"),
        ("「木漏れ日」の意味", "「木漏れ日」の意味を説明してください。"),
        ("что значит «тоска»", "Что значит «тоска» и почему?"),
        ("reply to 'I don't like it'", "Write a polite reply to 'I don't like it'."),
        ("what's a dog's favourite food", "What's the favourite food of a dog?"),
        ('why does my log say "disk full"', 'My log says "disk full". Why?'),
        ("explain carpe diem", 'Explain "carpe diem".'),
        ("the boys' and girls' teams, who won", "Who won, the boys' or the girls' teams?"),
        ("a 6'2\" man needs a bike", "Which bike suits a man who is 6'2\" tall?"),
    ],
)
def test_quote_kept_word_for_word_passes(original: str, candidate: str) -> None:
    assert "quotes_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ('explain "carpe diem"', "Explain seize the day"),
        ("is it 'seperate' or 'separate'? be brief", "Is it 'seperate' or 'separate?' Be brief."),
        ('translate "good morning" into thai', 'Translate "good evening" into Thai.'),
        ("what does 'force majeure' mean", "What does 'act of god' mean?"),
        ('why does my log say "disk full"', "Why does my log complain?"),
        ("was heißt „Fernweh“", "Was bedeutet Heimweh?"),
        ("que signifie « dépaysement »", "Que signifie ce mot ?"),
        ("「木漏れ日」の意味", "この言葉の意味を説明してください。"),
        ("что значит «тоска»", "Что значит это слово?"),
        ("who said it first", 'Who said "to be or not to be" first?'),
        ('reply to "we need to talk" from my boss', 'Reply to "let us talk" from my boss.'),
        ("answer ‘when is it due’", "Answer the question about the date."),
        ('translate "no" into thai', 'Translate "yes" now, into Thai.'),
    ],
)
def test_changed_quote_is_a_violation(original: str, candidate: str) -> None:
    assert "quotes_kept" in failed(original, candidate)


def test_lost_quote_is_named_as_it_stands() -> None:
    found = verify('explain "Carpe diem!"', "Explain it.")
    assert Violation("quotes_kept", "lost Carpe diem", "Explain it.") in found


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("what is `ls -l`", "Explain `ls -l`"),
        ("why is `x += 1` slow", "Why is `x += 1` slow in a loop?"),
        ("fix ```py\nprint(x\n```", "Find and fix the error in ```py\nprint(x\n```"),
        ("review ~~~\nSELECT 1\n~~~", "Review this query: ~~~\nSELECT 1\n~~~"),
        ("compare `a` and `b`", "Compare `b` with `a`."),
        ("was macht `grep -v`", "Was macht `grep -v` genau?"),
        ("explique `git rebase`", "Explique cuándo usar `git rebase`."),
        ("what does ls do", "What does `ls` do?"),
        ("`a ```x``` b`?", "What is `a ```x``` b`?"),
    ],
)
def test_same_code_passes(original: str, candidate: str) -> None:
    assert "code_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("what is `ls -l`", "Explain `ls -la`"),
        ("why is `x += 1` slow", "Why is addition slow?"),
        ("fix ```py\nprint(x\n```", "Fix ```py\nprint(x)\n```"),
        ("compare `a == b` and `a is b`", "Compare `a == b` with other tests."),
        ("how to list files", "How do I list files with `ls -a`?"),
        ("was macht `grep -v`", "Was macht `grep -c`?"),
        ("explain a loop", "Explain a loop, e.g. ```\nfor i in x: pass\n```"),
        ("what is `ls`", "How do I list my tools?"),
    ],
)
def test_changed_code_is_a_violation(original: str, candidate: str) -> None:
    assert "code_kept" in failed(original, candidate)


def test_invented_code_is_named() -> None:
    found = verify("how to list files", "How do I list files with `ls -a`?")
    assert (found[0].check, found[0].detail) == ("code_kept", "invented ls -a")


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("how does max_len work", "Explain how max_len works"),
        ("rename getUserName in my class", "How do I rename getUserName in my class?"),
        ("what does os.listdir() return", "What does os.listdir() return, and in which order?"),
        ("git log --oneline explained", "Explain git log --oneline."),
        ("tar -xzf not working", "Why is tar -xzf not working?"),
        ("MAX_RETRIES too low?", "Is MAX_RETRIES too low?"),
        ("what is self_attention_mask", "What is a self_attention_mask?"),
        ("Was macht max_len", "Was macht max_len genau?"),
        ("a well-known state-of-the-art model", "Explain a well-known state-of-the-art model."),
        ("my iPhone is slow", "Why is my iPhone slow?"),
    ],
)
def test_same_program_name_passes(original: str, candidate: str) -> None:
    assert "identifiers_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("how does max_len work", "Explain how max_length works"),
        ("rename getUserName in my class", "Rename getUserId in my class."),
        ("what does listdir() return", "What does walk() return?"),
        ("git log --oneline explained", "Explain git log --graph."),
        ("tar -xzf not working", "Why is tar -czf not working?"),
        ("MAX_RETRIES too low?", "Is the number of retries too low?"),
        ("how to log in python", "How do I log with basic_config in Python?"),
        ("Was macht max_len", "Was macht min_len?"),
        ("max_len and max_length", "Explain max_length."),
    ],
)
def test_changed_program_name_is_a_violation(original: str, candidate: str) -> None:
    assert "identifiers_kept" in failed(original, candidate)


def test_lost_program_name_is_named() -> None:
    found = verify("MAX_RETRIES too low?", "Is it too low?")
    assert ("identifiers_kept", "lost MAX_RETRIES") in [(violation.check, violation.detail) for violation in found]


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("greet {name}", "Write a greeting for {name}"),
        ("answer {{ question }} from {{ context }}", "Answer {{ question }} with the help of {{ context }}."),
        ("{% if a %}sum up{% endif %} {text}", "{% if a %}Sum up{% endif %} {text} briefly"),
        ("translate ${text} to french", "Translate ${text} to French."),
        ("dear %(name)s, write the rest", "Write the rest after: dear %(name)s"),
        ("summarize <document>", "Summarize the text in <document>."),
        ("letter to [COMPANY NAME]", "Write a letter to [COMPANY NAME]."),
        ("expand $HOME in bash", "How does bash expand $HOME?"),
        ("what is %APPDATA%", "What is %APPDATA% on Windows?"),
        ("reply to ###INPUT###", "Reply to ###INPUT### politely."),
        ("fülle __NAME__ aus", "Fülle __NAME__ bitte aus."),
        ("总结 {text}", "请用简单的话总结 {text}"),
    ],
)
def test_same_variables_pass(original: str, candidate: str) -> None:
    assert "variables_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("greet {name}", "Write a greeting for {person}"),
        ("answer {{ question }} from {{ context }}", "Answer {{ question }}."),
        ("{a} and {a}, compare", "Compare {a} with others."),
        ("translate ${text} to french", "Translate {text} to French."),
        ("summarize <document>", "Summarize the document."),
        ("letter to [COMPANY NAME]", "Write a letter to ACME."),
        ("expand $HOME in bash", "How does bash expand $PATH?"),
        ("write a letter", "Write a letter to [NAME]."),
        ("dear %(name)s, write the rest", "Dear customer, write the rest."),
        ("总结 {text}", "请总结这段文字"),
        ("résume {texte}", "Résume {texte} pour {lecteur}."),
    ],
)
def test_changed_variable_is_a_violation(original: str, candidate: str) -> None:
    assert "variables_kept" in failed(original, candidate)


def test_lost_variable_is_named() -> None:
    found = [(violation.check, violation.detail) for violation in verify("greet {name}", "Write a greeting.")]
    assert found == [("variables_kept", "lost {name}")]


def test_message_lists_five_spans_and_cuts_long_ones() -> None:
    long_name = "a" * 80 + ".py"
    [lost] = [
        violation.detail for violation in verify(f"fix {long_name}", "Fix it.") if violation.check == "links_kept"
    ]
    assert lost == "lost " + "a" * 57 + "..."
    many = verify("compare 21, 22, 23, 24, 25, 26 and 27", "Compare them.")
    assert many[0].detail == "lost 21, 22, 23, 24, 25"
