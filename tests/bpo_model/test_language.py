"""Short English prompts are never taken for another language, other languages not for English."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpo_model import language
from bpo_model.language import detect, function_words, main_script, scripts, speaks

ENGLISH = [
    "best laptop under $800", "python sort dict by value", "chicken curry recipe", "capital of peru", "git undo commit",
    "cover letter nurse", "cheap flights tokyo", "sql join types", "photosynthesis", "haiku rain", "css center div",
    "tax deadline", "why is sky blue", "names for a cat", "birthday wishes mom", "kubernetes vs docker",
    "quantum computing eli5", "30 min workout", "translate hola to english", "divorce lawyer cost", "regex email",
    "la dodgers schedule", "de niro movies", "el nino effects", "die hard plot", "us dollar to euro", "per diem rates",
    "who wrote don quixote", "las vegas hotels", "a la carte menu", "van life on a budget", "come on eileen lyrics",
    "men in black plot", "sin cos tan identities", "con artist movies", "min max algorithm", "mango ice cream ja",
    "das kapital summary", "hot pan and oil", "I am Tom", "al pacino films", "mit acceptance rate", "pan", "HELP",
    "write a poem", "résumé tips for a nurse", "tell me about são paulo",
]  # fmt: skip
OTHERS = {
    "es": ["¿Cuál es la capital de Perú?", "escribe un poema sobre el mar", "ideas para una fiesta"],
    "fr": ["écris un poème sur la mer", "comment faire du pain", "résume ce texte"],
    "de": ["schreibe ein Gedicht über das Meer", "wie backe ich Brot", "erkläre mir die Relativitätstheorie"],
    "it": ["scrivi una poesia sul mare", "qual è la capitale del Perù", "idee per una festa"],
    "pt": ["como fazer pão em casa", "qual é a capital do Peru", "ideias para uma festa"],
    "nl": ["hoe bak ik brood", "schrijf een gedicht over de zee", "wat is de hoofdstad van Peru"],
    "sv": ["hur bakar jag bröd", "skriv en dikt om havet", "vad är huvudstaden i Peru"],
    "da": ["hvordan bager jeg brød", "skriv et digt om havet", "hvad er hovedstaden i Peru"],
    "pl": ["jaka jest stolica Peru", "przepis na naleśniki", "dlaczego niebo jest niebieskie"],
    "tr": ["ekmek nasıl yapılır", "deniz hakkında bir şiir yaz", "bu ne demek ve neden önemli"],
    "id": ["bagaimana cara membuat roti yang enak", "apa itu inflasi", "tolong jelaskan puisi ini"],
    "ro": ["cum se face pâinea", "care este capitala Peru", "scrie un poem despre mare și cer"],
    "cs": ["jak upéct chleba", "napiš báseň o moři", "jaké je hlavní město Peru"],
    "vi": ["cách làm bánh mì", "viết một bài thơ về biển", "thủ đô của Peru là gì"],
    "fi": ["miten leivotaan leipää", "kirjoita runo merestä", "mikä on Perun pääkaupunki"],
    "hu": ["hogyan kell kenyeret sütni és miért", "írj egy verset a tengerről", "mi Peru fővárosa"],
    "tl": ["paano gumawa ng tinapay", "sumulat ng tula tungkol sa dagat", "ano ang kabisera ng Peru"],
    "sw": ["mji mkuu wa Peru ni upi", "nini maana ya demokrasia", "kwa nini anga ni la buluu"],
}
"""Short natural prompts in every language of the word lists."""
TAKEN_FOR_ENGLISH = [
    "receta de tortilla de patatas", "mejores libros de historia", "Rezept für Apfelkuchen", "Bewerbung schreiben",
    "ricetta della pizza", "receita de bolo de cenoura", "recept voor pannenkoeken", "opskrift på pandekager",
    "jak upiec chleb", "napisz wiersz o morzu", "krep tarifi", "bagaimana cara membuat roti",
    "tulis puisi tentang laut", "resep nasi goreng", "scrie o poezie despre mare", "pannukakun resepti",
    "hogyan kell kenyeret sütni",
    "palacsinta recept", "resipi ng adobo", "jinsi ya kutengeneza mkate", "andika shairi kuhusu bahari",
]  # fmt: skip
SCRIPTS = {
    "как дела": "CYRILLIC", "рецепт борща": "CYRILLIC", "रोटी कैसे बनाएं": "DEVANAGARI", "如何做面包": "CJK",
    "كيف أصنع الخبز": "ARABIC", "パンのレシピ": "CJK", "おはようございます": "CJK", "빵 만드는 법": "HANGUL",
    "πώς φτιάχνω ψωμί": "GREEK", "איך אופים לחם": "HEBREW", "วิธีทำขนมปัง": "THAI", "রুটি কীভাবে বানাই": "BENGALI",
    "ரொட்டி செய்வது எப்படி": "TAMIL", "როგორ გამოვაცხო პური": "GEORGIAN",
}  # fmt: skip


def test_the_examples_in_the_documentation_are_true() -> None:
    assert doctest.testmod(language).failed == 0


@pytest.mark.parametrize("text", ENGLISH)
def test_short_english_prompt_is_not_another_language(text: str) -> None:
    assert detect(text) in {"en", ""}
    assert speaks(text, ("en",))


@pytest.mark.parametrize(
    "text",
    ["crème brûlée recipe", "jalapeño poppers", "define naïve", "how to say je ne sais quoi", "die in a video game"],
)
def test_english_prompt_with_loan_words_is_english(text: str) -> None:
    assert speaks(text, ("en",))


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in OTHERS.items() for text in texts])
def test_short_prompt_in_another_language_is_not_english(code: str, text: str) -> None:
    assert not speaks(text, ("en",))


@pytest.mark.parametrize("text", TAKEN_FOR_ENGLISH)
def test_keywords_in_another_language_are_not_english(text: str) -> None:
    assert not speaks(text, ("en",))


def test_every_listed_language_has_examples() -> None:
    assert {*OTHERS, "en"} == set(function_words())
    assert min(len(texts) for texts in OTHERS.values()) >= 3


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Wie kann ich in Wien eine Wohnung für meine Familie finden?", "de"),
        ("Explícame por qué el cielo es azul y el mar también", "es"),
        ("Pourquoi est-ce que les chats dorment sur mon lit ?", "fr"),
        ("Perché il cielo è blu e non verde come il prato?", "it"),
        ("Por que o céu é azul e não verde como o mar?", "pt"),
        ("Why do cats sleep on my bed and not on theirs?", "en"),
        ("Dlaczego niebo jest niebieskie i co to oznacza dla nas?", "pl"),
        ("Tại sao bầu trời có màu xanh và không phải màu đỏ?", "vi"),
    ],
)
def test_full_sentence_is_recognized(text: str, code: str) -> None:
    assert detect(text) == code


@pytest.mark.parametrize(("text", "script"), SCRIPTS.items())
def test_other_script_is_named_and_not_english(text: str, script: str) -> None:
    assert detect(text) == main_script(text) == script
    assert not speaks(text, ("en",))


def test_most_letters_decide_on_the_script() -> None:
    assert detect("what does 你好 mean in chinese") == "en"
    assert scripts("ab 你 1!") == {"LATIN": 2, "CJK": 1}
    assert main_script("42 !?") == ""


@pytest.mark.parametrize("text", ["", "42", "?!", "  \n", "🙂"])
def test_text_without_letters_is_no_other_language(text: str) -> None:
    assert detect(text) == ""
    assert speaks(text, ("en",))


def test_no_list_of_languages_means_all() -> None:
    assert speaks("как дела", ())
    assert speaks("wie backe ich Brot", ("en", "de"))
    assert not speaks("wie backe ich Brot", ("en", "fr"))


@given(st.text(st.characters()))
def test_no_text_crashes_the_detection(text: str) -> None:
    assert isinstance(detect(text), str)
