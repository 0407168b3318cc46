"""PostgreSQL: which one it is, whether it keeps what is committed, and what is stuck in it."""

import datetime as dt

from shared.cli.doctor.check import Check, look, mails
from shared.cli.doctor.deployment import tuning_checks
from shared.security.signing import ISSUED_AT_TOLERANCE_S
from shared.store.migrate import FOLDER
from shared.store.monitoring import ServerFacts
from shared.wiring import Wiring

OLDEST = 14
NUMBER_OF_A_VERSION = 10_000
CLOCK_NOTED_S = 5.0
MAX_SECONDS_A_MAIL = 3.0


def database_checks(root: Wiring) -> list[Check]:
    """Look at the server, then at what the design wants to be monitored."""
    before = dt.datetime.now(dt.UTC)
    facts = root.store.monitoring.server()
    middle = before + (dt.datetime.now(dt.UTC) - before) / 2
    return [
        _server(facts),
        _durability(facts),
        *tuning_checks(root),
        _clock((facts.clock - middle).total_seconds()),
        _claims(root),
        look("sorted mail", lambda: mails(root.store.monitoring.classified())),
        _speed(root.store.monitoring.average_ms()),
    ]


def _server(facts: ServerFacts) -> Check:
    own = len(list(FOLDER.glob("[0-9]*.sql")))
    settings = ", ".join(f"{name} {value}" for name, value in facts.settings.items())
    found = f"{facts.version}, {facts.migrations} migrations; {settings}"
    if facts.number < OLDEST * NUMBER_OF_A_VERSION:
        return Check(check="postgres", ok=False, found=found, hint=f"PostgreSQL {OLDEST} or newer is needed")
    hint = "" if facts.migrations <= own else "a newer version of this program has migrated it"
    return Check(check="postgres", found=found, hint=hint)


def _durability(facts: ServerFacts) -> Check:
    if facts.may_forget:
        found = f"{', '.join(facts.may_forget)} off: a crash forgets what was done to your mail"
        return Check(check="durability", ok=False, found=found, hint="turn them on in PostgreSQL's settings")
    return Check(check="durability", found="what is committed outlives a crash")


def _clock(ahead_s: float) -> Check:
    found = f"the database's is {ahead_s:+.1f} s away from ours"
    if abs(ahead_s) > ISSUED_AT_TOLERANCE_S:
        return Check(check="clock", ok=False, found=found, hint="set the clocks: timedatectl set-ntp true")
    return Check(check="clock", found=found, hint="" if abs(ahead_s) <= CLOCK_NOTED_S else "timedatectl set-ntp true")


def _claims(root: Wiring) -> Check:
    stale = root.store.monitoring.stale_claims(root.settings.imap.timeout_s)
    hint = "a worker died; the next sync takes them over: scripts/agent sync" if stale else ""
    return Check(check="stale claims", found=mails(stale), hint=hint)


def _speed(average_ms: float | None) -> Check:
    if average_ms is None:
        return Check(check="processing time", found="nothing was processed in the last hour")
    slow = average_ms > MAX_SECONDS_A_MAIL * 1000
    hint = f"more than {MAX_SECONDS_A_MAIL:.0f} s a mail: see the row `language model`" if slow else ""
    return Check(check="processing time", found=f"{average_ms:.2f} ms a mail in the last hour", hint=hint)
