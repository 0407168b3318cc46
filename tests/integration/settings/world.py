"""What the program does under some settings: mails of known age on a server in memory, a model that notes questions."""

import contextlib
import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_server
from typing import Any

from shared import clock
from shared.batch import Batch
from shared.chain.schedule import is_due
from shared.cli.doctor.database import database_checks
from shared.cli.doctor.deployment import platform_checks
from shared.cli.trigger import Trigger
from shared.errors import EmailAgentError
from shared.pipeline.classify_llm import classify_llm
from shared.records import Account, Mode, Tls
from shared.security.signing import SIGNATURE_HEADER, sign
from shared.store.schedule import Post
from shared.web import create_app
from shared.wiring import Wiring, wired
from tests.fakes.language_model import FakeModel
from tests.fakes.mail_server import FakeMailServer, FakeSession, Message
from tests.fixtures.agent import Agent, StoreClock

AGES_DAYS = (300, 120, 60, 20, 1)
MAILS = len(AGES_DAYS)
RULES = """
version: 1
categories: {letters: {description: Letters from people}}
rules:
  - {name: bills, when: {subject: bill}, then: [flag]}
"""
BILLS = 2
DAY_S, MINUTE_S = 86_400, 60
MOST_CALLS = 6


class NotingSession(FakeSession):
    """Notes how many mails each FETCH brought."""

    def fetch(self, chunks: Any, extra_headers: Sequence[str] = ()) -> Iterator[list[Any]]:
        for found in super().fetch(chunks, extra_headers):
            self.server.brought.append(len(found))  # type: ignore[attr-defined]
            yield found


class Server(FakeMailServer):
    """Holds a mail of each age, two of them bills, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.brought: list[int] = []
        now = dt.datetime.now(dt.UTC)
        for number, days in enumerate(AGES_DAYS):
            subject = "bill" if number < BILLS else f"letter {number}"
            header = f"From: ada@friends.example\r\nSubject: {subject}\r\nMessage-ID: <{number}@x.example>\r\n\r\n"
            age = dt.timedelta(days=days)
            flags = frozenset[str]()
            message = Message(
                uid=0,
                flags=flags,
                internaldate=now - age,
                header=header.encode(),
                serial=str(number),
                body=b"Hello.\r\n",
            )
            self.mailboxes["INBOX"].add(message)

    @contextlib.contextmanager
    def open_mailbox(self, account: Account, lease_until: float) -> Iterator[FakeSession]:
        yield NotingSession(self)


@dataclass
class World:
    """A composition root made of the environment, and what it is asked to do."""

    root: Wiring
    server: Server = field(default_factory=Server)
    model: FakeModel = field(default_factory=FakeModel)

    def agent(self, name: str = "work") -> Agent:
        """An account in observe, whose functions have the limits that the settings say."""
        where = {"host": "127.0.0.1", "port": 1, "tls": Tls.NONE, "username": "u"}
        self.root.store.accounts.create(name=name, mode=Mode.OBSERVE, secret=self.root.vault.seal("p"), **where)
        self.root.store.rule_sets.push(RULES, RULES)
        limits = self.root.limits
        return Agent(
            store=self.root.store,
            open_mailbox=self.server.open_mailbox,
            clock=StoreClock(),
            account=name,
            limits=limits,
        )

    def read(self, agent: Agent) -> Batch:
        """Fetch all and decide by rules; where a model is to be asked, let it wish for texts, and fetch those."""
        batch = agent.batch()
        while agent.fetch(batch).counts.get("fetched"):
            agent.classify(batch)
        if self.root.limits.asks_llm:
            self._ask(agent, batch, self.model)
            agent.fetch(batch)
            agent.classify(batch)
        assert not self.model.asked
        return batch

    def _ask(self, agent: Agent, batch: Batch, model: FakeModel) -> Batch:
        now = lambda: dt.datetime.now(dt.UTC)  # noqa: E731
        return classify_llm(batch, store=agent.store, model=model, limits=self.root.limits, now=now)

    # -- what can be seen of each setting

    def chunks(self) -> list[int]:
        """How many mails each FETCH brought."""
        agent = self.agent()
        agent.fetch(agent.batch())
        return self.server.brought

    def mails_after(self, syncs: int) -> int:
        """How many mails are known after so many syncs."""
        agent = self.agent()
        for _ in range(syncs):
            agent.sync()
        return sum(self.server.brought)

    def deciders(self) -> tuple[int, int]:
        """How many mails rules decided, and about how many the model was asked."""
        agent = self.agent()
        batch = self.read(agent)
        self._ask(agent, batch, self.model)
        counts = self.root.store.accounts.states()[0].counts
        return counts.get("classified", 0) - len(self.model.asked), len(self.model.asked)

    def asked_in_one_call(self) -> int:
        """How many mails one call of classify-llm asks about."""
        agent = self.agent()
        return self._ask(agent, self.read(agent), self.model).counts["claimed"]

    def slow_answers_in_one_call(self) -> bool:
        """Whether one call has time for three answers that take a tenth of a second."""
        self.model.meanwhile = lambda: time.sleep(0.1)
        return self.asked_in_one_call() == MAILS - BILLS

    def longest_answer_s(self) -> float:
        """How many seconds the model has for an answer at most, to tens: what else is done takes some time, too."""
        began = clock.now()
        self.asked_in_one_call()
        return round(max(self.model.deadlines) - began, -1)

    def models_asked_at_once(self) -> int:
        """How many calls get a slot while another has one."""
        work, home = self.agent(), self.agent("home")
        first, second = self.read(work), self.read(home)
        inner: list[int] = []

        def meanwhile() -> None:
            self.model.meanwhile = lambda: None
            inner.append(self._ask(home, second, self.model).counts.get("claimed", 0))

        self.model.meanwhile = meanwhile
        self._ask(work, first, self.model)
        return 1 + bool(inner[0])

    def calls_at_once(self) -> int:
        """How many of six calls a function takes before it answers 429."""
        with wired(self.root):
            app, release, statuses = create_app("door"), threading.Event(), list[int]()
            app.post("/")(lambda: {"waited": release.wait(30)})
            body = b"{}"
            headers = {SIGNATURE_HEADER: sign(self.root.signing_key, body)}

            def call() -> None:
                statuses.append(app.test_client().post("/", data=body, headers=headers).status_code)

            callers = [threading.Thread(target=call) for _ in range(MOST_CALLS)]
            for caller in callers:
                caller.start()
            refused = MOST_CALLS - self.root.max_inflight
            while len(statuses) < refused:
                time.sleep(0.01)
            release.set()
            for caller in callers:
                caller.join()
        return statuses.count(200)

    def silence(self) -> str:
        """What becomes of a login at a server that says nothing."""
        agent = self.agent()
        with create_server(("127.0.0.1", 0)) as mute:
            account = replace(agent.store.accounts.get("work"), port=mute.getsockname()[1])
            try:
                with self.root.open_mailbox(account, clock.now() + 3600):
                    return "answered"
            except EmailAgentError as error:
                return type(error).__name__

    def syncs_per_day(self) -> int:
        """How often an account is due within a day."""
        self.agent()
        post = Post(holder="test", lease_s=60, interval_s=self.root.settings.trigger.interval_s)
        outlook = self.root.store.schedule.ledger(post).beat()
        assert outlook is not None
        one, starts = replace(outlook.accounts[0], started_at=0.0), 0
        for at in range(MINUTE_S, DAY_S + MINUTE_S, MINUTE_S):
            if is_due(one, at):
                one, starts = replace(one, started_at=float(at)), starts + 1
        return starts

    def limit_of_a_scheduled_sync(self) -> int:
        """What the trigger asks of fetch-batch."""
        self.agent()
        post = Post(holder="test", lease_s=60, interval_s=self.root.settings.trigger.interval_s)
        with gateway() as (url, bodies):
            places = self.root.settings.places.model_copy(update={"gateway_url": url})
            self.root.settings = replace(self.root.settings, places=places)
            Trigger(self.root, self.root.store.schedule.ledger(post), 10.0).once()
        return int(bodies[0]["limit"])

    def model_server(self) -> tuple[str, str]:
        """Where the model is looked for, and which one."""
        state = self.root.llm_state()
        return state.url, state.model

    def platform(self) -> list[bool]:
        """What the doctor says of an arm64 machine."""
        return [check.ok for check in platform_checks(self.root.settings, "aarch64")]

    def tuning(self) -> bool:
        """Whether the doctor compares PostgreSQL with config/postgresql-arm.conf."""
        return "postgres settings" in {check.check for check in database_checks(self.root)}


@contextlib.contextmanager
def gateway() -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """A gateway that knows no account; yield its URL and the bodies that it was sent."""
    bodies: list[Mapping[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = json.dumps({"error": "NotFound", "detail": "no such account", "call_id": "1"}).encode()
            self.send_response(404)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()


Probe = Callable[[World], object]
