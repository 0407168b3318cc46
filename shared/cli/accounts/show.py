"""`agent accounts list`, `show` and `test`: which accounts there are, all about one, and whether its login works."""

import click

from shared.cli.accounts.look import look, sentences
from shared.cli.accounts.options import as_json, named
from shared.cli.console import console, numbers, print_json, print_table
from shared.cli.shown import on_one_line
from shared.cli.stack import in_process
from shared.errors import NotFound


@click.command("list")
@as_json
def list_accounts(*, as_json: bool) -> None:
    """List the accounts."""
    with in_process() as root:
        found = root.store.accounts.list()
    rows = [
        {
            "name": account.name,
            "host": account.host,
            "port": account.port,
            "tls": str(account.tls),
            "username": account.username,
            "mode": str(account.mode),
            "mailboxes": list(account.mailboxes),
        }
        for account in found
    ]
    if as_json:
        print_json({"accounts": rows})
    else:
        columns = ("name", "mode", "server", "tls", "user name", "mailboxes")
        print_table(
            columns,
            [(a.name, a.mode, f"{a.host}:{a.port}", a.tls, a.username, ", ".join(a.mailboxes)) for a in found],
        )


@click.command()
@named
@as_json
def show(name: str, *, as_json: bool) -> None:
    """Show all about an account but its password: server, what is allowed, how it is doing."""
    with in_process() as root:
        states = {state.account.name: state for state in root.store.accounts.states()}
        if name not in states:
            raise NotFound("there is no such account")
        state = states[name]
        allowance = root.store.actions.allowance(state.account.id)
    account = state.account
    facts = {
        "name": account.name,
        "host": account.host,
        "port": account.port,
        "tls": str(account.tls),
        "username": account.username,
        "ca_file": account.ca_file,
        "mode": str(account.mode),
        "mailboxes": list(account.mailboxes),
        "max_actions_per_hour": account.max_actions_per_hour,
        "left_this_hour": allowance,
        "approved_moves": account.approved_moves,
        "plaintext_allowed": account.plaintext_allowed,
        "copy_without_expunge": account.copy_without_expunge,
        "last_success_at": state.last_success_at.isoformat() if state.last_success_at else None,
        "last_error": state.last_error,
        "consecutive_failures": state.consecutive_failures,
        "counts": dict(state.counts),
    }
    if as_json:
        print_json(facts)
        return
    facts |= {
        "mailboxes": ", ".join(account.mailboxes),
        "last_error": on_one_line(state.last_error or ""),
        "counts": numbers(
            {word.removeprefix("filing:"): n for word, n in state.counts.items() if word != "filing:none"}
        ),
    }
    print_table(
        ("what", "is"), [(word.replace("_", " "), fact) for word, fact in facts.items() if fact not in (None, "")]
    )


@click.command()
@named
@as_json
def test(name: str, *, as_json: bool) -> None:
    """Log in to the account's mail server and say what it is capable of."""
    with in_process() as root:
        account = root.store.accounts.get(name)
        found = look(root, account, root.password_of(account))
    if as_json:
        print_json({"account": name} | found.as_json())
        return
    out = console()
    out.print(f"{name}: login works; {found.mailboxes} mailboxes, {found.messages} messages to read")
    for line in sentences(account, found):
        out.print(f"  {line}")
