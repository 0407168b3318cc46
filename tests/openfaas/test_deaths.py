"""Functions that die, are replaced, or lose power in the middle of a batch: no mail is lost or doubled."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256

import psycopg
import pytest

from functions.gateway import NAMES
from shared.errors import EmailAgentError
from tests.openfaas.images import image
from tests.openfaas.machine import wait_until
from tests.openfaas.stack import SETTINGS, Person, Stack, expected_places
from tests.openfaas.tarpit import tarpit

STOPS_WITHIN_S = 29.0
SYNC_ENDS_WITHIN_S = 400.0
"""A call whose function lost its network hangs until TCP gives up, in about two minutes."""
MAILS = 3000
"""So many that a batch can be met in its middle."""


@pytest.mark.parametrize("function", ["fetch-batch", "apply-actions"])
def test_killed_in_the_middle(stack: Stack, function: str) -> None:
    """A function whose container is killed in a batch comes back with the next call, and the batch is finished."""
    person = stack.person(MAILS)
    watchdog = stack.faasd.first_process(function)

    interrupt(stack, person, function, lambda: kill(stack, watchdog))

    stack.sync_until_done(person)
    stack.faasd.wait_until_ready()
    assert watchdog != stack.faasd.first_process(function)
    assert_each_once(person)


def test_server_killed_in_the_middle(stack: Stack) -> None:
    """When gunicorn dies its watchdog ends too, instead of staying behind without it: the function is started anew."""
    person = stack.person(MAILS)
    watchdog, server = stack.faasd.first_process("apply-actions"), stack.faasd.server_process("apply-actions")

    interrupt(stack, person, "apply-actions", lambda: kill(stack, server))

    stack.sync_until_done(person)
    stack.faasd.wait_until_ready()
    assert watchdog != stack.faasd.first_process("apply-actions")
    assert_each_once(person)


def test_updated_in_the_middle(stack: Stack) -> None:
    """A new version deployed while a batch is under way: no sync fails for good, and no mail is lost."""
    person = stack.person(MAILS)
    for name in NAMES:
        stack.faasd.ctr("images", "tag", "--force", image(name), image(name, "next"))

    def update() -> None:
        stack.faasd.deploy("--filter", "apply-actions", *SETTINGS, TAG="next")

    interrupt(stack, person, "apply-actions", update)

    stack.sync_until_done(person)
    assert image("apply-actions", "next") in stack.faasd.cli("describe", "apply-actions")
    assert_each_once(person)


def test_told_to_stop(stack: Stack) -> None:
    """A function that gets SIGTERM answers the call it is at, and is gone well before faasd would kill it."""
    with tarpit(stack.dovecot.port) as pit, ThreadPoolExecutor(1) as pool:
        person = stack.person(5, port=pit.port)
        call = pool.submit(stack.post, "fetch-batch", {"account": person.account})
        wait_until(lambda: pit.callers > 0, "the call did not get to the mail server")

        stack.faasd.machine.run("kill", "-TERM", stack.faasd.first_process("fetch-batch"))
        pit.open.set()

        assert (200, 5) == (call.result().status_code, call.result().json()["counts"]["fetched"])
        wait_until(lambda: not stack.faasd.is_running("fetch-batch"), "it did not end", timeout_s=STOPS_WITHIN_S)
    stack.faasd.wait_until_ready()


def test_power_cut_in_the_middle(stack: Stack) -> None:
    """After all processes were killed at once the functions start from zero with the first call to each."""
    person = stack.person(MAILS)

    interrupt(stack, person, "apply-actions", stack.reboot)

    stack.sync_until_done(person)
    stack.faasd.wait_until_ready()
    assert_each_once(person)


def kill(stack: Stack, pid: str) -> None:
    """Kill a process of the machine, without a warning."""
    stack.faasd.machine.run("kill", "-KILL", pid)


def interrupt(stack: Stack, person: Person, function: str, blow: Callable[[], None]) -> None:
    """Strike while a sync is in the middle of what this function does, and let that sync end as it may."""

    def sync() -> None:
        with suppress(EmailAgentError):
            stack.sync(person)

    def is_in_the_middle() -> bool:
        return person.filed() > 0 if function == "apply-actions" else stored(stack, person) > 0

    syncing = threading.Thread(target=sync)
    syncing.start()
    wait_until(is_in_the_middle, f"{function} did nothing")
    done = person.filed() if function == "apply-actions" else stored(stack, person)
    blow()
    syncing.join(SYNC_ENDS_WITHIN_S)
    assert not syncing.is_alive()
    assert 0 < done < (MAILS if function == "fetch-batch" else MAILS / 2), "it was not in the middle"


def stored(stack: Stack, person: Person) -> int:
    """Count the account's mails in the store."""
    query = "SELECT count(*) FROM emails JOIN accounts ON accounts.id = emails.account_id WHERE accounts.name = %s"
    with psycopg.connect(stack.database.url()) as connection:
        return int(connection.execute(query, [person.account]).fetchall()[0][0])


def assert_each_once(person: Person) -> None:
    """Each mail that was delivered is there, byte by byte and once, where the rules say."""
    assert expected_places(MAILS) == person.where()
    assert Counter(sha256(raw).hexdigest() for raw in person.mails) == person.files()
