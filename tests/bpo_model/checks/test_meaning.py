"""The rewrite still means the same: names, content words, negations and the form of the answer."""

import pytest

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
        ("trips to Lake Como", "Plan trips to Lake Como"),
        ("recipe for Pad Thai", "Write a recipe for pad thai."),
        ("who founded NASA", "Who founded NASA, and why?"),
        ("explain the role of Marie Curie", "Explain Marie Curie's role in the history of physics."),
        ("my manager Priya is on leave, write to her", "Write to my manager Priya, who is on leave."),
        ("what did the court say in Roe v. Wade", "What did the court decide in Roe v. Wade?"),
        ("is my Toyota worth it", "Is my Toyota worth its price?"),
        ("moving to Berlin with kids", "What should I know before moving to Berlin with kids?"),
        ("how does Postgre SQL store text", "How does PostgreSQL store text?"),
        ("work of the WHO in Africa", "Describe the work of the World Health Organization in Africa."),
        ("viaje a Cuba", "Planifica un viaje a Cuba."),
        ("Reise nach Wien mit der Bahn", "Plane eine Reise mit der Bahn nach Wien."),
        ("WHAT IS THE BEST WAY TO LEARN PIANO", "What is the best way to learn piano?"),
        ("a letter to Jean-Luc", "Write a letter to Jean-Luc."),
        ("history of Yugoslvia", "Tell the history of Yugoslavia."),
    ],
)
def test_name_that_survives_in_any_case_passes(original: str, candidate: str) -> None:
    assert "names_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("trips to Lake Como", "Plan trips to a lake"),
        ("recipe for Pad Thai", "Write a recipe for noodles."),
        ("who founded NASA", "Who founded the agency?"),
        ("explain the role of Marie Curie", "Explain the role of Pierre Curie."),
        ("write to my manager Priya", "Write to my manager."),
        ("moving to Berlin with kids", "What should I know before moving to Munich with kids?"),
        ("how does PostgreSQL store text", "How does a database store text?"),
        ("summary of World War II", "Write a summary of World War I."),
        ("viaje a Cuba", "Planifica un viaje a una isla."),
        ("un cadeau pour Hélène", "Trouve un cadeau pour Camille."),
        ("explain Kafka streams", "Explain Flink streams, please."),
        ("compare the UK with France", "Compare France with others."),
        ("Berlin with kids, what to see", "What can we see in Munich with kids?"),
        ("can i google a defendant. england", "Can I google a defendant?"),
        ("why is my loop so slow python", "Why is my loop so slow?"),
        known("Vrana with kids, what to see", "What can we see in Munich with kids?", "the first word is never a name"),
        known(
            "Reise nach Wien",
            "Plane eine Reise nach Graz.",
            "nouns are capitalized in German, so names are not read there",
        ),
        known("Wie komme ich mit der Bahn nach Wien?", "Wie komme ich mit der Bahn nach Graz?", "not read in German"),
        known("стихи про Москву", "Напиши стихи про город.", "only names in Latin letters are read"),
    ],
)
def test_lost_name_is_a_violation(original: str, candidate: str) -> None:
    assert "names_kept" in failed(original, candidate)


def test_lost_names_are_listed() -> None:
    found = verify("trips to Lake Como", "Plan some trips.")
    assert Violation("names_kept", "lost Lake, Como", "Plan some trips.") in found


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("capital of france", "What is the capital of France?"),
        ("explain kubernetes pods", "Explain Kubernetes pods."),
        ("how to file taxes in the us", "How do I file taxes in the US?"),
        ("learn python", "How do I learn Python?"),
        ("paella recipe from valencia", "Write a paella recipe from Valencia."),
        ("world health organization tasks", "What are the tasks of the WHO?"),
        ("is it ok to eat late", "Is it OK to eat late, and why? I ask for my mother."),
        ("why do cats purr", "Why do cats purr? Explain the causes. Name studies."),
        ("shakespear sonnets", "Explain the sonnets of Shakespeare."),
        ("reise nach wien", "Plane eine Reise nach Wien mit Übernachtung und Frühstück."),
        ("viaje a cuba", "Planifica un viaje a Cuba."),
        ("christmas gifts", "Which gifts suit Christmas? They'd be for adults. I'm unsure."),
        ("nyc trip", "Plan a trip to New York City."),
    ],
)
def test_name_that_the_prompt_mentions_is_not_invented(original: str, candidate: str) -> None:
    assert "names_invented" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("capital of france", "Describe Paris, France"),
        ("a laptop for students", "Which MacBook suits students?"),
        ("explain quantum physics", "Explain quantum physics as Richard Feynman would."),
        ("best phone", "Which phone from Samsung is the best?"),
        ("write a tax letter", "Write a tax letter to the IRS."),
        ("history of rome", "Tell the history of Rome under Caesar."),
        ("explain logs of my server", "Explain the logs of my Apache server."),
        ("viaje barato", "Planifica un viaje barato a Lisboa."),
        ("un cadeau pour ma sœur", "Trouve un cadeau pour ma sœur chez Decathlon."),
        known("стихи про город", "Напиши стихи про город Ленина.", "only names in Latin letters are read"),
    ],
)
def test_invented_name_is_a_violation(original: str, candidate: str) -> None:
    assert "names_invented" in failed(original, candidate)


def test_invented_name_is_named() -> None:
    assert [violation.detail for violation in verify("capital of france", "Describe Paris, France")] == [
        "invented Paris",
        "lost capital",
    ]


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("fix my leeking tap", "How do I fix a leaking tap?"),
        ("pyhton recursion eror", "Explain the recursion error in Python."),
        ("visa requirments for norway", "What are the visa requirements for Norway?"),
        ("landlord refuses deposit", "My landlord is refusing to return the deposit. What can I do?"),
        ("symptoms of dehydrated kids", "Which symptoms show dehydration in kids?"),
        ("investing in index funds", "How do I invest in index funds?"),
        ("photosynthesis for kids", "Explain photosynthesis to kids."),
        ("restart the deployment, then check pods", "Restart the deployment and then check the pods."),
        ("smart phone repair", "How do I repair my smartphone?"),
        ("consejos para dormir mejor", "Dame consejos para dormir mejor por la noche."),
        ("conseils pour mieux dormir", "Donne-moi des conseils pour mieux dormir."),
        ("Tipps gegen Rückenschmerzen", "Welche Tipps helfen gegen Rückenschmerzen im Büro?"),
        ("colour palette for my organisation", "Suggest a color palette for my organization."),
        ("teach children to swim", "How do I teach a child to swim?"),
        ("what should i buy for my mice", "What should I buy for a mouse?"),
        ("dishes i ate in naples", "Which dishes did I eat in Naples?"),
    ],
)
def test_content_in_another_form_passes(original: str, candidate: str) -> None:
    assert "content_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("fix my leeking tap", "Give home repair advice"),
        ("visa requirements for norwegian sailors", "What are the rules for sailors?"),
        ("landlord refuses deposit", "What are the rights of a tenant?"),
        ("symptoms of dehydrated kids", "How do kids stay healthy?"),
        ("restart the nginx deployment", "Check the nginx pods."),
        ("photosynthesis in desert plants", "How do plants live?"),
        ("compound interest on savings", "Explain savings."),
        ("consejos para dormir mejor", "Dame ideas para vivir bien."),
        ("conseils pour mieux dormir", "Donne-moi une recette de cuisine."),
        ("Tipps gegen Rückenschmerzen", "Welche Hausmittel helfen?"),
        known("советы для крепкого сна", "Напиши рецепт борща.", "words of other scripts are not read"),
        known("如何学习钢琴", "请写一首关于春天的诗。", "words of other scripts are not read"),
        ("how do i train my cat", "How do I train my dog?"),
        known("cure for a cold sore", "How do I cure a cold score?", "one exchanged letter counts as a typo"),
        known(
            "price of a house in the desert", "What is the price of a house for dessert?", "one letter counts as typo"
        ),
        ("he drank maybe 2 cups, is that bad", "He drank 2 cups. Is that bad?"),
    ],
)
def test_lost_content_is_a_violation(original: str, candidate: str) -> None:
    assert "content_kept" in failed(original, candidate)


def test_one_lost_word_is_enough_and_grammar_and_politeness_weigh_nothing() -> None:
    assert "content_kept" in failed("purple velvet curtain fabric", "Suggest purple velvet fabric.")
    assert "content_kept" not in failed("hi, can you please give me some ideas on velvet", "Suggest ideas: velvet.")


def test_lost_content_is_named() -> None:
    found = verify("landlord refuses deposit", "What can my landlord do?")
    assert [violation.detail for violation in found] == ["lost refuses, deposit"]


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("which line is always true here", "Which line is true here?"),
        ("how many readers are unaware of the strike", "How many readers are aware of the strike?"),
        ("sql for the last year", "Write SQL for the year."),
        ("you are a grumpy captain, greet me", "You are a gruff captain. Greet me."),
        ("a small article on the state of the art", "Write an article on the state of things."),
    ],
)
def test_everyday_words_carry_meaning_too(original: str, candidate: str) -> None:
    assert "content_kept" in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("diff btwn ppl and persons tmrw", "What is the difference between people and persons? Tell me by tomorrow."),
        ("max 10 ideas for bday", "Give at most 10 ideas for a birthday: the maximum is 10."),
        ("how to hot wire a fence", "How do I hotwire a fence?"),
        ("a todo list for the icecream shop", "Write a to do list for the ice cream shop."),
        ("sort by unit_price and sold_on", "Sort by unit_price and sold_on, newest first."),
        ("which programmes did we buy for mice", "Which program do we buy for a mouse?"),
    ],
)
def test_shorthand_joined_words_and_irregular_forms_are_the_same_word(original: str, candidate: str) -> None:
    assert "content_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("no onions", "without onions"),
        ("do not use onions", "Avoid onions, please."),
        ("code w/o recursion", "Write code without recursion."),
        ("never call the production database", "Don't call the production database."),
        ("hotels except hostels", "List hotels, but no hostels."),
        ("my printer doesnt print", "My printer does not print. What should I check?"),
        ("why isnt my sourdough rising", "Why isn't my sourdough rising?"),
        ("why is my sourdough flat", "Why is my sourdough flat?  What did I do?"),
        ("unable to login to the portal", "I cannot log in to the portal. How do I fix it?"),
        ("best museums in rome", "Which museums in Rome are the best, and which are not worth it?"),
        ("contract without a penalty clause", "Draft a contract with no penalty clause."),
        ("eat vegetables, not meat", "Suggest dishes with vegetables and without meat."),
        ("a dairy-free cake", "Write a recipe for a cake without dairy."),
        ("nonslip shoes, no laces", "Which non-slip shoes have no laces?"),
        ("a cake without dairy", "Write a recipe for a dairy-free cake."),
    ],
)
def test_negation_in_other_words_passes(original: str, candidate: str) -> None:
    assert "negations_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("do not use onions", "use onions"),
        ("no onions", "Use onions."),
        ("don’t mention my salary", "Mention my salary."),
        ("code without recursion", "Write code with recursion."),
        ("never delete the backups", "Delete the backups."),
        ("is it legal to record phone calls", "Is it legal to never record phone calls?"),
        ("include peanuts but not walnuts", "Include walnuts but not peanuts."),
        ("avoid jargon", "Use jargon."),
        ("the server isn't responding", "Why is the server responding?"),
        ("contract without a penalty clause", "Draft a contract with a penalty clause."),
        ("restart the pods, not the nodes", "Restart the nodes, not the pods."),
        known("receta sin gluten", "Escribe una receta con gluten.", "only English negations are known"),
        known("Rezept ohne Zucker", "Schreibe ein Rezept mit Zucker.", "only English negations are known"),
        ("do not use red food colouring", "Use red, not blue, colouring."),
        ("no eggs and no milk", "Use eggs and no milk."),
        ("show users who have not logged in", "Show users who have logged in but not paid."),
        ("pizza without ham or onions", "Bake a pizza with ham, without onions."),
    ],
)
def test_turned_negation_is_a_violation(original: str, candidate: str) -> None:
    assert "negations_kept" in failed(original, candidate)


def test_turned_negation_is_named() -> None:
    found = verify("include peanuts but not walnuts", "Include walnuts but not peanuts.")
    assert [(violation.check, violation.detail) for violation in found] == [
        ("negations_kept", "no longer negated: walnuts")
    ]
    assert verify("do not use onions", "Use onions.")[0].detail == "lost every negation"
    assert verify("record audio", "Never record audio.")[0].detail == "newly negated: audio, record"


def test_turned_negation_is_named_in_whole_words() -> None:
    assert verify("invite phone sellers", "Never invite phone sellers.")[0].detail == "newly negated: phone, sellers"


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("answer in one word", "Answer with one word"),
        ("list planets as json", "List the planets in JSON."),
        ("is tea healthy, yes or no", "Is tea healthy? Answer yes/no."),
        ("extract the totals into a csv", "Extract the totals and return a CSV."),
        ("make a table of vitamins", "Make tables of vitamins."),
        ("haiku about rain", "Write a haiku about the rain."),
        ("explain gdpr in a single sentence", "Explain GDPR in one clear sentence."),
        ("one-liner to reverse a string", "Write a one-liner that reverses a string."),
        ("only output the name", "Output just the name."),
        ("a poem that rhymes", "Write a rhyming poem."),
        ("why is only my left ear cold", "Why is my left ear cold?"),
        ("bullet points on fasting", "Explain fasting in bullets."),
        ("respond with valid yaml", "Respond with valid YAML and nothing else."),
    ],
)
def test_format_in_other_words_passes(original: str, candidate: str) -> None:
    assert "format_kept" not in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("answer in one word", "Answer in detail"),
        ("list planets as json", "List the planets."),
        ("is tea healthy, yes or no", "Is tea healthy?"),
        ("extract the totals into a csv", "Extract the totals."),
        ("table of vitamins", "List vitamins."),
        ("haiku about rain", "Write a poem about the rain."),
        ("explain gdpr in a single sentence", "Explain GDPR."),
        ("one-liner to reverse a string", "Write code that reverses a string."),
        ("only output the name", "Output the name and the reasons."),
        ("explain it in one paragraph", "Explain it in one sentence."),
        ("true or false: bats are blind", "Are bats blind?"),
        ("write markdown about tides", "Write about tides."),
        known("resumen en una tabla de vitaminas", "Escribe sobre las vitaminas.", "only English forms are known"),
    ],
)
def test_lost_format_is_a_violation(original: str, candidate: str) -> None:
    assert "format_kept" in failed(original, candidate)


def test_lost_formats_are_named() -> None:
    found = verify("only return a json list of european coastal cities", "Return a list of European coastal cities.")
    assert ("format_kept", "lost json, only") in [(violation.check, violation.detail) for violation in found]


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("laptops under $800", "Which laptops cost over $800?"),
        ("laws passed before 1990", "List the laws passed after 1990."),
        ("best day to sell shares", "Which day is the worst to sell shares?"),
        ("translate from danish to polish", "Translate from Polish to Danish."),
        ("at least 5 rivers in asia", "Name at most 5 rivers in Asia."),
    ],
)
def test_opposite_request_is_a_violation(original: str, candidate: str) -> None:
    assert failed(original, candidate) != []


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("does wheelhop take prepaid cards", "Does wheelhocking take prepaid cards?"),
        ("wheelhop phone support times", "How long does it take to get a wheelhawk phone support ticket?"),
        ("cancel my brightmoor ticket", "How can I cancel my brightmossing ticket?"),
    ],
)
def test_an_unknown_word_that_became_another_one_is_lost(original: str, candidate: str) -> None:
    assert "content_kept" in failed(original, candidate)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("grammar check of my flexible contract", "Check the flexibility of my contract and grammatical errors."),
        ("mitochondria and immigrants", "Describe the mitochondrion and immigration."),
        ("performance evaluation of a democrat", "Evaluate how democratic performers are"),
    ],
)
def test_another_form_of_a_word_keeps_it(original: str, candidate: str) -> None:
    assert "content_kept" not in failed(original, candidate)
