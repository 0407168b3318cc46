"""Accounts that are made at the same time: of two on one mailbox, one comes in."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.errors import Conflict, NotFound
from shared.records import Tls
from shared.store import PostgresStore

MAKERS = 6


def make(store: PostgresStore, name: str, *, username: str = "me", again: bool = False, port: int = 993) -> str:
    try:
        made = store.accounts.create(
            name=name, host="mail.example", port=port, tls=Tls.TLS, username=username, secret=b"s", again=again
        )
    except Conflict:
        return "refused"
    return made.name


def test_makers_at_the_same_time_see_each_other(store: PostgresStore) -> None:
    """Several who add the same mailbox under other names: one account is made, the others are told of it."""
    with ThreadPoolExecutor(MAKERS) as crowd:
        made = list(crowd.map(lambda number: make(store, f"account-{number}"), range(MAKERS)))

    assert MAKERS - 1 == made.count("refused")
    assert 1 == len(store.accounts.list())


def test_spelling_makes_no_other_mailbox(store: PostgresStore) -> None:
    """Host and user name are compared without case; other users of the server are others."""
    made = [
        make(store, "a"),
        make(store, "b", username="ME"),
        make(store, "c", username="you"),
        make(store, "d", again=True),
    ]

    assert ["a", "refused", "c", "d"] == made


def test_a_port_of_its_own_is_another_server(store: PostgresStore) -> None:
    """The two ports of IMAP are the same server; behind others, as on one's own machine, is somebody else."""
    made = [make(store, name, port=port) for name, port in (("a", 993), ("b", 143), ("c", 1143), ("d", 1143))]

    assert ["a", "refused", "c", "refused"] == made


def test_an_account_that_is_gone_cannot_be_changed(store: PostgresStore) -> None:
    """What was removed meanwhile is said to be not there."""
    make(store, "work")
    account = store.accounts.get("work")
    store.accounts.delete("work")

    for change in (
        lambda: store.accounts.set_cap(account.id, 1),
        lambda: store.accounts.set_mailboxes(account.id, ["INBOX"]),
        lambda: store.accounts.set_login(account),
    ):
        with pytest.raises(NotFound):
            change()
