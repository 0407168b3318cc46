"""Where mail goes: odd names, namespaces, roles, its own mailbox, and mailboxes that cannot be."""

from collections.abc import Callable, Iterator

import pytest

from shared.status import Filing
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.dovecot import DovecotOptions, DovecotServer, require_dovecot
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail

pytestmark = pytest.mark.dovecot

ODD = 'Finanzen/Über & mehr "x"'


def moving_to(target: str) -> str:
    """Return rules that move every bill to a mailbox, written as a user writes it."""
    quoted = target.replace("'", "''")
    return (
        f"version: 1\nrules:\n  - name: bills\n    when: {{subject: {{is: bill}}}}\n    then: [{{move: '{quoted}'}}]\n"
    )


def role(name: str) -> str:
    return f"version: 1\nrules: [{{name: bills, when: {{subject: {{is: bill}}}}, then: {name}}}]\n"


@pytest.fixture(scope="module")
def old_server() -> Iterator[DovecotServer]:
    """A Dovecot set up as many hosters do: everything below INBOX, levels divided by dots, no special uses."""
    require_dovecot()
    with DovecotServer(options=DovecotOptions(special_use=False, prefix="INBOX.", separator=".")) as server:
        yield server


@pytest.fixture
def old_post(old_server: DovecotServer, request: pytest.FixtureRequest) -> DovecotPost:
    return DovecotPost(user=old_server.add_user(f"user-{abs(hash(request.node.name))}"))


def bill(post: DovecotPost, mailbox: str = "INBOX", flags: str = "") -> None:
    post.deliver("bill", mail(1, subject="bill"), mailbox, flags)


def history(agent: Agent) -> tuple[Filing, str]:
    found = agent.store.emails.get("<1@mail.example>")
    return found.filing, found.events[-1].why


@pytest.mark.parametrize("name", [ODD, "收件/日本語", "a&b", "Entwürfe & -", "back\\slash", "x" * 200])
def test_odd_names(post: DovecotPost, real_agent: Callable[..., Agent], name: str) -> None:
    """The mailbox is created as the YAML writes it, found again by the next sync, and undo leads back."""
    bill(post)
    agent = real_agent(post.user, moving_to(name))

    run = agent.sync().run

    assert {name: ["bill"]} == post.found()
    post.deliver("second", mail(2, subject="bill"))
    agent.sync()
    assert {name: ["bill", "second"]} == post.found()
    agent.undo(run)
    assert {"INBOX": ["bill"], name: ["second"]} == post.found()


@pytest.mark.parametrize(
    ("name", "on_server"),
    [
        (ODD, "INBOX." + ODD.replace("/", ".")),
        ("Bills", "INBOX.Bills"),
        ("INBOX.Bills", "INBOX.Bills"),
        ("INBOX/Bills", "INBOX.Bills"),
    ],
)
def test_a_namespace_with_a_prefix(
    old_post: DovecotPost, real_agent: Callable[..., Agent], name: str, on_server: str
) -> None:
    """The personal namespace's prefix and separator are put in; who writes them is understood too."""
    bill(old_post)
    agent = real_agent(old_post.user, moving_to(name))

    run = agent.sync().run

    assert {on_server: ["bill"]} == old_post.found()
    agent.undo(run)
    assert {"INBOX": ["bill"]} == old_post.found()


def test_undo_leads_back_to_a_mailbox_in_the_namespace(old_post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """A source other than INBOX is found again under its server name."""
    bill(old_post, "INBOX.In.Box")
    agent = real_agent(old_post.user, moving_to("Bills"), mailboxes=("INBOX", "INBOX.In.Box"))

    run = agent.sync().run

    assert {"INBOX.Bills": ["bill"]} == old_post.found()
    agent.undo(run)
    assert {"INBOX.In.Box": ["bill"]} == old_post.found()
    agent.sync()
    assert {"INBOX.In.Box": ["bill"]} == old_post.found()


@pytest.mark.parametrize(("word", "mailbox"), [("archive", "Archive"), ("junk", "Junk"), ("trash", "Trash")])
@pytest.mark.parametrize(
    "proxy", [(), ("SPECIAL-USE", "LIST-EXTENDED")], ids=["special use", "customary"], indirect=True
)
def test_roles(post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent], word: str, mailbox: str) -> None:
    """A role is the mailbox the server marks with it (RFC 6154), or else an existing one of a customary name."""
    bill(post)

    real_agent(post.user, role(word), proxy=proxy).sync()

    assert {mailbox: ["bill"]} == post.found()


def test_a_role_that_nobody_has_is_refused(old_post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Without a marked or customary mailbox the mail stays, nothing is created, and the reason is told."""
    bill(old_post)
    agent = real_agent(old_post.user, role("archive"))

    agent.sync()

    assert {"INBOX": ["bill"]} == old_post.found()
    assert ["INBOX"] == list(old_post.user.census())
    assert (Filing.KEPT, "no mailbox here is marked \\Archive (RFC 6154)") == history(agent)


def test_a_role_finds_a_customary_name_in_the_namespace(
    old_post: DovecotPost, real_agent: Callable[..., Agent]
) -> None:
    """INBOX.Archive is the archive where nothing is marked."""
    bill(old_post)
    old_post.deliver("ancient", mail(9), "INBOX.Archive")

    real_agent(old_post.user, role("archive")).sync()

    assert {"INBOX.Archive": ["ancient", "bill"]} == old_post.found()


def test_a_target_that_is_a_level_only(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    r"""A \Noselect parent of a mailbox becomes one itself."""
    bill(post)
    post.deliver("old", mail(9), "Lists/News")

    real_agent(post.user, moving_to("Lists")).sync()

    assert {"Lists": ["bill"], "Lists/News": ["old"]} == post.found()


def test_a_target_that_cannot_be_created(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Only the mail for that target stays, and says why; the other is filed."""
    post.deliver("other", mail(2, subject="other"))
    bill(post)
    rules = moving_to("no.dots.here") + "  - {name: others, when: {subject: {is: other}}, then: {move: Others}}\n"
    agent = real_agent(post.user, rules)

    agent.sync()

    assert {"INBOX": ["bill"], "Others": ["other"]} == post.found()
    filing, why = history(agent)
    assert (Filing.KEPT, True) == (filing, why.startswith("cannot be created: "))


@pytest.mark.parametrize("proxy", [(), ("MOVE",)], ids=["all", "no-MOVE"], indirect=True)
@pytest.mark.parametrize(("listed", "target"), [(("Bills",), "Bills"), (("inbox", "INBOX"), "Inbox")])
def test_a_move_to_its_own_mailbox_is_no_action(
    post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent], listed: tuple[str, ...], target: str
) -> None:
    """Not one command that moves, copies or deletes leaves; INBOX is the same in any case."""
    bill(post)
    bill(post, "Bills")
    agent = real_agent(post.user, moving_to(target), proxy=proxy, mailboxes=listed)

    for _ in range(2):
        agent.sync()

    assert {"INBOX": ["bill"], "Bills": ["bill"]} == post.found()
    assert not {"UID MOVE", "UID COPY", "UID STORE", "UID EXPUNGE"} & proxy.counts.keys()


@pytest.mark.parametrize("proxy", [(), ("MOVE",)], ids=["all", "no-MOVE"], indirect=True)
def test_deleted_mail_and_drafts_are_never_filed(
    post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]
) -> None:
    """They stay, unexpunged, among neighbours that are moved."""
    post.deliver("before", mail(2, subject="bill"))
    post.deliver("deleted", mail(3, subject="bill"), flags="T")
    post.deliver("draft", mail(4, subject="bill"), flags="D")
    post.deliver("after", mail(5, subject="bill"))
    agent = real_agent(post.user, moving_to("Bills"), proxy=proxy)

    for _ in range(2):
        agent.sync()
        assert {"INBOX": ["deleted T", "draft D"], "Bills": ["after", "before"]} == post.found()
