"""The same client against a real Ollama with a tiny model: transport, grammar, probabilities and limits are real."""

import contextlib
import threading
import time

import pytest

from shared import clock
from shared.errors import BadAnswer, DeadlineExceeded, LlmDown, ModelMissing, PromptTooLong
from shared.llm.classifier import Classifier
from shared.llm.ollama import Answer, Ollama, OllamaSettings, Way
from shared.llm.prompt import LABELS, Question, mail_block, menu
from shared.rules.rule_set import Category
from tests.fakes.mails import stored
from tests.fixtures.ollama import MODEL, RealOllama
from tests.fixtures.tiny_gguf import CONTEXT

CATEGORIES = tuple(Category(name=name, description=f"mail about {name}") for name in ("invoices", "dev", "family"))
QUESTION = menu(CATEGORIES).first_question(mail_block(stored()))
LONG_S = 60.0
SHORT_S = 1.0


def client(server: RealOllama, *, way: Way = Way.ENUM, model: str = MODEL) -> Ollama:
    return Ollama.at(OllamaSettings(url=server.url, model=model, answer_timeout_s=LONG_S, way=way))


def ask(ollama: Ollama, question: Question = QUESTION, seconds: float = LONG_S) -> Answer:
    return ollama.chat(question, deadline=clock.now() + seconds)


def test_it_is_there(real: RealOllama) -> None:
    """Version, installed and loaded models are read from a real server; loading keeps the model's context."""
    ollama = client(real)
    ollama.preload()

    assert ollama.version()[0].isdigit()
    assert ollama.has_model() and not client(real, model="no-such-model").has_model()
    assert [CONTEXT] == [model.context_length for model in ollama.loaded() if model.name.startswith(MODEL)]


def test_grammar_and_probabilities(real: RealOllama) -> None:
    """However foolish the model, its answer is one of the labels, with a share of probability; and again the same."""
    first, second = ask(client(real)), ask(client(real))

    assert first.choice.label in QUESTION.labels
    assert first.choice.label == second.choice.label
    assert first.choice.confidence is not None and 0 <= first.choice.confidence <= 1
    assert first.prompt_tokens > len(QUESTION.messages[0]["content"])  # a token is a character here


def test_a_grammar_of_all_labels(real: RealOllama) -> None:
    """Twenty labels are as good as four."""
    many = menu(tuple(Category(name=f"c{number}") for number in range(len(LABELS))))

    assert ask(client(real), many.first_question(mail_block(stored()))).choice.label in (*LABELS, "U")


def test_one_token(real: RealOllama) -> None:
    """One free token leads to a label, or, where it is none and no probabilities come with it, to a refusal."""
    try:
        label = ask(client(real, way=Way.FREE)).choice.label
    except BadAnswer:
        label = "U"

    assert label in QUESTION.labels


def test_a_prompt_too_long(real: RealOllama) -> None:
    """A prompt over the context is refused, and not cut in silence."""
    user = {"role": "user", "content": "x" * (2 * CONTEXT)}

    with pytest.raises(PromptTooLong):
        ask(client(real), Question(messages=(QUESTION.messages[0], user), labels=QUESTION.labels))


def test_a_model_that_is_not_there(real: RealOllama) -> None:
    """An unknown model is told, with the command that brings it."""

    with pytest.raises(ModelMissing) as caught:
        ask(client(real, model="no-such-model"))

    assert "ollama pull no-such-model" == caught.value.hint


def test_questions_do_not_load_the_model_anew(real: RealOllama) -> None:
    """Preloading and both ways of asking use one and the same loaded model."""
    ollama = client(real)
    ollama.preload()
    before = [model for model in ollama.loaded() if model.name.startswith(MODEL)]
    ask(ollama)
    with contextlib.suppress(BadAnswer):  # its words are not the point here
        ask(client(real, way=Way.FREE))

    assert before == [model for model in ollama.loaded() if model.name.startswith(MODEL)]


def test_two_at_once(real: RealOllama) -> None:
    """Two calls at once are both answered, and as each of them alone."""
    alone = ask(client(real)).choice.label
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(client(real)).choice.label)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)

    assert [alone] * 2 == answers


def test_a_whole_classification(real: RealOllama) -> None:
    """From a mail to a verdict, in one question or in two."""
    classifier = Classifier.at(OllamaSettings(url=real.url, model=MODEL, answer_timeout_s=LONG_S))
    many = tuple(Category(name=f"c{number}") for number in range(25))
    deadline = clock.now() + LONG_S

    one = classifier.classify(stored(), CATEGORIES, deadline=deadline)
    two = classifier.classify(stored(), many, deadline=deadline)

    assert {one.category} <= {"invoices", "dev", "family", None}
    assert {two.category} <= {*(category.name for category in many), None}


def test_a_server_that_answers_too_late(own: RealOllama) -> None:
    """A call ends at its deadline while the server is busy, loading for instance; afterwards it answers again."""
    ollama = client(own)
    with own.stopped(), pytest.raises(DeadlineExceeded):
        ask(ollama, seconds=SHORT_S)

    ollama.preload()

    assert ask(ollama).choice.label in QUESTION.labels


def test_a_server_killed_in_the_middle(own: RealOllama) -> None:
    """A server that is killed while it owes an answer is down: the call says so, and does not wait for its deadline."""
    assert own.process is not None
    started = time.monotonic()
    with own.stopped():
        killer = threading.Timer(SHORT_S, own.process.kill)
        killer.start()
        with pytest.raises(LlmDown):
            ask(client(own))
        killer.join()

    assert time.monotonic() - started < LONG_S / 2
