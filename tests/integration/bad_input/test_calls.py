"""Calls that must not be believed, sent to the functions as they run: forged, unreadable, too large, replayed."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from shared.batch import Batch
from shared.chain.sync import Sync
from shared.records import Account, Mode
from shared.security.signing import sign
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.messages import date_of, mail
from tests.fixtures.postgres import database_of
from tests.integration.bad_input.conftest import RULES
from tests.integration.bad_input.gateway import Gateway, running

LETTERS = 4
MANY_LETTERS = 60
"""More than an owner expects to be moved without having approved it."""


@pytest.fixture(scope="module")
def gateway(postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The functions, for all tests of this file."""
    name = f"gateway_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template_database)))
        with running(tmp_path_factory.mktemp("up"), database_of(postgres_url, name)) as gateway:
            gateway.store.rule_sets.push(RULES, RULES)
            yield gateway
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def letters(user: DovecotUser, count: int = LETTERS) -> dict[str, int]:
    for number in range(1, count + 1):
        user.deliver("INBOX", mail(number, sender="Letters <letters@news.example>"), "", date_of(number))
    return {"INBOX": count}


def places(user: DovecotUser) -> dict[str, int]:
    return {name: len(mails) for name, mails in user.census().items() if mails}


def decide(gateway: Gateway, user: DovecotUser, *, dry_run: bool = False) -> Batch:
    """Fetch and classify; what is left of the run is to apply."""
    batch = Batch(account=user.user, dry_run=dry_run)
    gateway.client().call("fetch-batch", batch)
    gateway.client().call("classify-rules", batch)
    return batch


@pytest.mark.parametrize("signature", ["", "sha256=00", sign(b"a key of somebody else", b"")])
def test_a_forged_call_is_401(signature: str, gateway: Gateway, dovecot: DovecotUser) -> None:
    """Missing, bad or foreign signature: nothing is even looked up."""
    gateway.account(dovecot)
    before = letters(dovecot)
    body = gateway.body(dovecot.user)
    foreign = sign(b"a key of somebody else", body) if len(signature) > 20 else signature

    assert 401 == gateway.post("apply-actions", body, signature=foreign).status_code
    assert before == places(dovecot)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b'{"account": "a", "approved": true}'])
def test_an_unreadable_call_is_400(body: bytes, gateway: Gateway) -> None:
    """Signed, but no request."""
    assert 400 == gateway.post("fetch-batch", body).status_code


def test_a_call_too_large_is_413(gateway: Gateway) -> None:
    """A body over a megabyte."""
    assert 413 == gateway.post("fetch-batch", b" " * (1024 * 1024 + 1)).status_code


def test_an_old_call_is_401(gateway: Gateway, dovecot: DovecotUser) -> None:
    """A call that was recorded more than five minutes ago."""
    gateway.account(dovecot, approve=LETTERS)
    before = letters(dovecot)
    decide(gateway, dovecot)

    assert 401 == gateway.post("apply-actions", gateway.body(dovecot.user, age_s=301)).status_code
    assert before == places(dovecot)


def observe(gateway: Gateway, account: Account) -> None:
    gateway.store.accounts.set_mode(account.id, Mode.OBSERVE)


def pause(gateway: Gateway, account: Account) -> None:
    gateway.store.accounts.set_mode(account.id, Mode.PAUSED)


def pause_all(gateway: Gateway, _account: Account) -> None:
    gateway.store.accounts.pause()


@pytest.mark.parametrize("forbid", [observe, pause, pause_all])
def test_a_replay_does_nothing_that_is_not_allowed_any_more(
    forbid: Callable[[Gateway, Account], None], gateway: Gateway, dovecot: DovecotUser
) -> None:
    """A call recorded while it was allowed, sent again after the owner said otherwise."""
    account = gateway.account(dovecot, approve=LETTERS)
    before = letters(dovecot)
    batch = decide(gateway, dovecot)
    recorded = gateway.body(dovecot.user, run=batch.run, dry_run=False)
    forbid(gateway, account)
    try:
        assert 200 == gateway.post("apply-actions", recorded).status_code
    finally:
        gateway.store.accounts.resume()
    assert before == places(dovecot)


def test_a_replay_does_not_make_a_dry_run_wet(gateway: Gateway, dovecot: DovecotUser) -> None:
    """A run that began dry stays dry, whatever a later call of it says."""
    gateway.account(dovecot, approve=LETTERS)
    before = letters(dovecot)
    batch = decide(gateway, dovecot, dry_run=True)
    answer = gateway.post("apply-actions", gateway.body(dovecot.user, run=batch.run, dry_run=False))

    assert (200, before) == (answer.status_code, places(dovecot))


def test_a_replay_does_not_release_what_is_held(gateway: Gateway, dovecot: DovecotUser) -> None:
    """More moves than expected wait for their owner, however often they are asked for."""
    gateway.account(dovecot)
    before = letters(dovecot, MANY_LETTERS)
    batch = decide(gateway, dovecot)
    recorded = gateway.body(dovecot.user, run=batch.run)
    outcomes = [gateway.post("apply-actions", recorded).json().get("outcome") for _ in range(2)]

    assert "held" == outcomes[0]
    assert before == places(dovecot)


def test_a_replayed_undo_changes_nothing(gateway: Gateway, dovecot: DovecotUser) -> None:
    """What was taken back once is back; a second time there is nothing to take back."""
    gateway.account(dovecot, approve=LETTERS)
    before = letters(dovecot)
    done = Sync(functions=gateway.client(), batch=Batch(account=dovecot.user)).run()
    assert {"News": LETTERS} == places(dovecot)
    recorded = gateway.body(dovecot.user, undo=done.run, final=True)
    assert 200 == gateway.post("apply-actions", recorded).status_code
    assert before == places(dovecot)
    census = dovecot.census()

    assert 200 == gateway.post("apply-actions", recorded).status_code
    assert census == dovecot.census()


def test_another_account_s_run_cannot_be_used(gateway: Gateway, dovecot: DovecotUser) -> None:
    """Run ids are no keys: a run belongs to one account, which alone can confirm or continue it."""
    gateway.account(dovecot)
    before = letters(dovecot, MANY_LETTERS)
    batch = decide(gateway, dovecot)
    gateway.post("apply-actions", gateway.body(dovecot.user, run=batch.run, final=True))
    other = gateway.account(replace(dovecot, user=f"other-{dovecot.user}"))

    assert 404 == gateway.post("apply-actions", gateway.body(other.name, confirm=batch.run)).status_code
    assert 404 == gateway.post("apply-actions", gateway.body(other.name, run=batch.run)).status_code
    assert before == places(dovecot)
