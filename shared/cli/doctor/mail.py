"""The mail: whether there are rules and accounts, whether each account gets its syncs, what waits for a person."""

import datetime as dt

from shared.cli.doctor.check import Check, failed, mails
from shared.cli.shown import on_one_line
from shared.errors import EmailAgentError
from shared.records import Mode
from shared.store.accounts import AccountState
from shared.store.reviews import WAITS_FOR
from shared.wiring import Wiring

SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def mail_checks(root: Wiring) -> list[Check]:
    """Look at what sorts mail, and at what is left over."""
    states = root.store.accounts.states()
    now = dt.datetime.now(dt.UTC)
    checks = [_rules(root, is_needed=bool(states)), _pause(root), *(_account(state, now) for state in states)]
    if not states:
        checks.append(Check(check="accounts", found="none yet", hint="scripts/agent accounts add"))
    return [*checks, _last_run(root, now), _failed(root), _refused(root), *_waiting(root)]


def _rules(root: Wiring, *, is_needed: bool) -> Check:
    try:
        number, rules = root.store.rule_sets.active()
    except EmailAgentError as error:
        check = failed("rules", error, "scripts/agent rules push")
        return check if is_needed else Check(check="rules", found=check.found, hint=check.hint)
    return Check(check="rules", found=f"version {number} is active, {len(rules.rules)} rules")


def _pause(root: Wiring) -> Check:
    if root.store.accounts.paused():
        return Check(check="pause", found="everything is stopped, by your word", hint="scripts/agent resume")
    return Check(check="pause", found="off")


def _account(state: AccountState, now: dt.datetime) -> Check:
    check = f"account {state.account.name}"
    success = f"last success {ago(state.last_success_at, now)}" if state.last_success_at else "no sync yet"
    found = f"{state.account.mode}, {success}, {sum_of_mails(state)}"
    if state.consecutive_failures:
        times = "1 failure" if state.consecutive_failures == 1 else f"{state.consecutive_failures} failures in a row"
        found = f"{found}; {times}: {on_one_line(state.last_error or 'unknown')}"
        return Check(check=check, ok=False, found=found, hint=f"scripts/agent accounts test {state.account.name}")
    if state.account.mode is Mode.PAUSED:
        hint = f"scripts/agent accounts mode {state.account.name} observe"
    else:
        hint = "" if state.last_success_at else f"scripts/agent sync {state.account.name}"
    return Check(check=check, found=found, hint=hint)


def sum_of_mails(state: AccountState) -> str:
    """Say how many mails of an account are stored, and how many of them were filed."""
    stored = sum(number for name, number in state.counts.items() if not name.startswith("filing:"))
    return f"{stored:,} mails known, {state.counts.get('filing:applied', 0):,} filed"


def _last_run(root: Wiring, now: dt.datetime) -> Check:
    run = root.store.monitoring.last_run()
    if run is None:
        return Check(check="last sync", found="none yet")
    took_s = (run.finished_at - run.started_at).total_seconds()
    return Check(
        check="last sync", found=f"{run.account}: {run.outcome}, {ago(run.finished_at, now)}, took {took_s:.1f} s"
    )


def _failed(root: Wiring) -> Check:
    number = root.store.monitoring.failed_lately()
    hint = "scripts/agent review list --waits-for failed" if number else ""
    return Check(check="failed in 24 h", found=mails(number), hint=hint)


def _refused(root: Wiring) -> Check:
    refused = root.store.monitoring.refused_lately()
    if not refused:
        return Check(check="refused in 24 h", found="none")
    name, number = next(iter(refused.items()))
    actions = sum(refused.values())
    found = f"{actions:,} moves or copies; by the server of {name} {number:,}"
    return Check(check="refused in 24 h", found=found, hint=f"what it can do: scripts/agent accounts test {name}")


def _waiting(root: Wiring) -> list[Check]:
    counts = root.store.reviews.count()
    return [
        Check(
            check=f"{what} mail",
            found=mails(counts.get(what, 0)),
            hint=f"scripts/agent review list --waits-for {what}" if counts.get(what) else "",
        )
        for what in WAITS_FOR
    ]


def ago(moment: dt.datetime, now: dt.datetime) -> str:
    """Say how long ago something was, in its largest unit."""
    seconds = max((now - moment).total_seconds(), 0)
    number, unit = next(((seconds // span, name) for span, name in SPANS if seconds >= span), (seconds, "s"))
    return f"{number:.0f} {unit} ago"
