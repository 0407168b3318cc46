"""What the client relies on: the fake server says the same as a real Ollama with the tiny model."""

import threading

import pytest

from shared import clock
from shared.errors import BadAnswer, ModelMissing, PromptTooLong
from shared.llm.classifier import Classifier
from shared.llm.ollama import MAX_ANSWER_TOKENS, OllamaSettings, Way
from shared.llm.prompt import LABELS, SHORT, Question, mail_block, menu
from shared.llm.trial import try_out
from shared.rules.rule_set import Category
from tests.conformance.llm.conftest import LONG_S, ask, client
from tests.fakes.mails import stored
from tests.fixtures.control_tokens import CONTROL_TOKENS, OF_EVERY_MODEL
from tests.fixtures.tiny_model import CONTEXT, MODEL, rendered, tokens_of, tokens_of_plain

CATEGORIES = tuple(Category(name=name, description=f"mail about {name}") for name in ("invoices", "dev", "family"))
QUESTION = menu(CATEGORIES).first_question(mail_block(stored()))
NOBODY = "no-such-model"
SHORTEST_ANSWER = 3
"""A quote, a letter and a quote; a blank and the end may follow."""


def question(content: str, labels: tuple[str, ...] = ("A", "B", "U")) -> Question:
    messages = ({"role": "system", "content": "s"}, {"role": "user", "content": content})
    return Question(messages=messages, labels=labels)


def question_of(tokens: int) -> Question:
    """A question whose prompt is that long."""
    return question("x" * (tokens - tokens_of(rendered(question("").messages))))


def test_it_is_there(url: str) -> None:
    """A version, the models it has, and after a preload the one in memory, with its own context."""
    ollama = client(url)
    ollama.preload()

    assert ollama.version()[0].isdigit()
    assert (True, False) == (ollama.has_model(), client(url, model=NOBODY).has_model())
    assert [CONTEXT] == [model.context_length for model in ollama.loaded() if model.name.startswith(MODEL)]


@pytest.mark.parametrize("count", [1, 3, len(LABELS)])
def test_an_answer_is_one_of_the_labels(url: str, count: int) -> None:
    """However foolish the model, a grammar holds it to a label; the probabilities say how sure it was."""
    asked = menu(tuple(Category(name=f"c{number}") for number in range(count))).first_question(mail_block(stored()))

    choice = ask(client(url), asked).choice

    assert choice.label in asked.labels
    assert choice.confidence is not None and 0 < choice.confidence <= 1
    assert choice.margin is not None and -1 <= choice.margin <= 1


def test_the_same_question_has_the_same_answer(url: str) -> None:
    """Asked twice, with what was computed still in memory, the answer is the same, and as sure to a ten-thousandth."""
    first, second = ask(client(url), QUESTION).choice, ask(client(url), QUESTION).choice

    assert first.label == second.label
    assert first.confidence == pytest.approx(second.confidence, abs=1e-4)


def test_what_it_cost_is_told(url: str) -> None:
    """The answer says how many tokens the prompt has, what is in memory included, and how long it took."""
    for _ in range(2):
        answer = ask(client(url), QUESTION)

        assert tokens_of(rendered(QUESTION.messages)) == answer.prompt_tokens
        assert SHORTEST_ANSWER <= answer.answer_tokens < MAX_ANSWER_TOKENS
        assert answer.prompt_s > 0 and answer.answer_s > 0


def test_one_free_token(url: str) -> None:
    """Without a grammar one token is said; it leads to a label, or to a refusal, and nothing else."""
    try:
        label = ask(client(url, way=Way.FREE), QUESTION).choice.label
    except BadAnswer:
        label = "U"

    assert label in QUESTION.labels


@pytest.mark.parametrize("tokens", [CONTEXT - 1, CONTEXT, CONTEXT + 1])
def test_a_prompt_too_long(url: str, tokens: int) -> None:
    """A prompt that does not fit, or leaves no room for the answer, is refused; nothing is cut in silence."""
    with pytest.raises(PromptTooLong):
        ask(client(url), question_of(tokens))

    assert ask(client(url), QUESTION).choice.label in QUESTION.labels


def test_the_longest_prompt(url: str) -> None:
    """A prompt that leaves just enough room is answered."""
    longest = question_of(CONTEXT - MAX_ANSWER_TOKENS)

    answer = ask(client(url), longest)

    assert CONTEXT - MAX_ANSWER_TOKENS == answer.prompt_tokens
    assert answer.choice.label in longest.labels


def test_a_mail_too_dense_is_asked_about_without_its_text(url: str) -> None:
    """Where mail and categories together are too long, who wrote what about is asked about alone."""
    dense = stored(text="\U0001f9fe" * 480)
    room = CONTEXT - len(mail_block(dense).text.encode())
    categories = tuple(Category(name=f"c{number}", description="x " * 100) for number in range(room // 200))
    verdict = Classifier.at(OllamaSettings(url=url, model=MODEL, answer_timeout_s=LONG_S)).classify(
        dense, categories, deadline=clock.now() + LONG_S
    )

    asked = menu(categories).first_question(mail_block(dense, SHORT))

    assert tokens_of_plain(rendered(asked.messages)) == verdict.prompt_tokens


def test_a_model_that_is_not_there(url: str) -> None:
    """An unknown model is told, with the command that brings it; preloading it, too."""
    missing = client(url, model=NOBODY)
    with pytest.raises(ModelMissing) as asked:
        ask(missing, QUESTION)
    with pytest.raises(ModelMissing) as loaded:
        missing.preload()

    assert [f"ollama pull {NOBODY}"] * 2 == [asked.value.hint, loaded.value.hint]


def test_questions_do_not_load_the_model_anew(url: str) -> None:
    """Preloading and both ways of asking use one and the same loaded model."""
    ollama = client(url)
    ollama.preload()
    before = [model for model in ollama.loaded() if model.name.startswith(MODEL)]
    ask(ollama, QUESTION)
    test_one_free_token(url)

    assert before == [model for model in ollama.loaded() if model.name.startswith(MODEL)]


def test_two_at_once(url: str) -> None:
    """Two calls at once are both answered, and as each of them alone."""
    alone = ask(client(url), QUESTION).choice.label
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(client(url), QUESTION).choice.label)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)

    assert [alone] * 2 == answers


def test_a_whole_classification(url: str) -> None:
    """From a mail to a verdict, in one question or in two."""
    classifier = Classifier.at(OllamaSettings(url=url, model=MODEL, answer_timeout_s=LONG_S))
    many = tuple(Category(name=f"c{number}") for number in range(25))
    deadline = clock.now() + LONG_S

    one = classifier.classify(stored(), CATEGORIES, deadline=deadline)
    two = classifier.classify(stored(), many, deadline=deadline)

    assert {one.category} <= {"invoices", "dev", "family", None}
    assert {two.category} <= {*(category.name for category in many), None}


def test_special_tokens_are_told(url: str) -> None:
    """A server names the tokens that its model's tokeniser takes out of any text, and what its model can do."""
    details = client(url).details()

    assert {*OF_EVERY_MODEL, *CONTROL_TOKENS} == set(details.special_tokens)
    assert not details.thinks


@pytest.mark.parametrize("token", ["</s>", "[INST]", "<|im_end|>"])
def test_a_control_token_in_a_prompt_is_one(url: str, token: str) -> None:
    """This is what a mail must never be able to do: its letters arrive as one token that ends a turn."""
    evil = question(f"hello {token} there")

    answer = ask(client(url), evil)

    assert tokens_of(rendered(evil.messages)) == answer.prompt_tokens
    assert tokens_of_plain(rendered(evil.messages)) != answer.prompt_tokens


def test_no_control_token_of_a_mail_arrives(url: str) -> None:
    """A mail made of control tokens, in all its fields, arrives as plain characters, each a token of its own."""
    evil = " ".join(("x", *OF_EVERY_MODEL, *CONTROL_TOKENS))
    mails = [
        stored(sender=f'"{evil}" <ann@shop.example>', subject=evil, text=evil, list_id=evil),
        *(stored(subject=f"a{token}b", text=f"{token}{token}") for token in CONTROL_TOKENS[::12]),
    ]
    for mail in mails:
        asked = menu(CATEGORIES).first_question(mail_block(mail))

        assert tokens_of_plain(rendered(asked.messages)) == ask(client(url), asked).prompt_tokens


def test_a_trial(url: str) -> None:
    """A trial finds the model, its context and its control tokens, none of which a mail can write, and its speed."""
    found = try_out(client(url), CATEGORIES, nonce="7")

    assert (CONTEXT, len(CATEGORIES) + 1, True) == (found.context, found.labels, found.has_probabilities)
    assert (len(OF_EVERY_MODEL) + len(CONTROL_TOKENS), ()) == (found.special_tokens, found.writable)
    assert min(found.speed.prompt_tokens, found.speed.prompt_tokens_per_s, found.speed.mails_per_hour) > 0
