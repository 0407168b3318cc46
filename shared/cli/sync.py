"""`agent sync` and `agent undo`: they call the functions over HTTP, and need no mail password."""

import uuid

import click

from shared.batch import Batch
from shared.chain.answers import Summary
from shared.chain.client import FunctionsClient, check_gateway
from shared.chain.sync import Sync
from shared.cli.console import console, numbers, print_json, print_table, progress
from shared.cli.stack import in_process
from shared.errors import NotFound
from shared.security.secret_files import SecretFiles
from shared.settings import Settings

ANSWER_MARGIN_S = 60.0
"""What the client waits beyond a function's own deadline."""

WAITS, FAILED = 5, 1  # exit codes


@click.command()
@click.argument("account", required=False)
@click.option("--dry-run", is_flag=True, help="Show what would be done; the server is only read.")
@click.option("--limit", type=click.IntRange(1, 100_000), help="Read at most this many new mails.")
@click.option("--confirm", type=click.UUID, metavar="RUN", help="Do what the run RUN held back.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def sync(account: str | None, *, dry_run: bool, limit: int | None, confirm: uuid.UUID | None, as_json: bool) -> int:
    """Read new mail, classify it, and file it; all accounts, or ACCOUNT."""
    functions = functions_client()
    if confirm and not account:
        account = account_of(confirm)
    names = [account] if account else _all_accounts()
    summaries = []
    for name in names:
        batch = Batch(account=name, dry_run=dry_run, limit=limit, confirm=confirm)
        with progress(name) as report:
            summary = Sync(functions=functions, batch=batch, on_progress=report).run()
        summaries.append(summary)
        if not as_json:
            _show(summary)
    if as_json:
        documents = [summary.as_json() for summary in summaries]
        print_json(documents[0] if len(documents) == 1 else {"syncs": documents})
    return exit_code(summaries)


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def undo(run: str, *, as_json: bool) -> int:
    """Take back what RUN (a run's id, or `last`) did; what a person has touched since is left alone."""
    functions = functions_client()
    account, undone = _run_and_account(run)
    with progress(f"undo {undone}") as report:
        summary = Sync(functions=functions, batch=Batch(account=account), on_progress=report).undo(undone)
    if as_json:
        print_json(summary.as_json() | {"undo": str(undone)})
    else:
        console().print(f"{account}: run {undone} undone: {numbers(summary.counts)}")
    return exit_code([summary])


def functions_client() -> FunctionsClient:
    """Return the client for the functions, after a look whether a gateway answers."""
    settings = Settings.from_environment()
    check_gateway(settings.places.gateway_url)
    return FunctionsClient(
        gateway_url=settings.places.gateway_url,
        key=SecretFiles(folder=settings.places.secrets_dir).signing_key(),
        answer_timeout_s=settings.work.deadline_s + ANSWER_MARGIN_S,
    )


def account_of(run: uuid.UUID) -> str:
    """Return the name of the account that a run belongs to."""
    with in_process() as root:
        account_id = root.store.runs.get(run).run.account_id
        return next(account.name for account in root.store.accounts.list() if account.id == account_id)


def exit_code(summaries: list[Summary]) -> int:
    """Return the exit code for what came out."""
    outcomes = {summary.outcome for summary in summaries}
    return FAILED if "failed" in outcomes else WAITS if "held" in outcomes else 0


def _all_accounts() -> list[str]:
    with in_process() as root:
        names = [account.name for account in root.store.accounts.list()]
    if not names:
        raise NotFound("there is no account yet", hint="add one: scripts/agent accounts add")
    return names


def _run_and_account(run: str) -> tuple[str, uuid.UUID]:
    if run != "last":
        try:
            wanted = uuid.UUID(run)
        except ValueError as error:
            raise click.BadParameter("a run's id, or `last`", param_hint="RUN") from error
        return account_of(wanted), wanted
    with in_process() as root:
        return root.store.runs.last_filing()


def _show(summary: Summary) -> None:
    out = console()
    mode = "dry run" if summary.dry_run else summary.mode
    out.print(f"{summary.account} ({mode}): {numbers(summary.as_json()['counts'])}; {summary.ms / 1000:.1f} s")
    for target, mails in summary.targets.items():
        out.print(f"  {mails:>6}  → {target}")
    if summary.plan:
        columns = ("mailbox", "action", "target", "mails")
        print_table(columns, [[row.get(column, "") for column in columns] for row in summary.plan])
    if summary.outcome == "held":
        out.print(f"  held: unusually many moves. To do them: scripts/agent sync --confirm {summary.run}")
    elif summary.outcome == "paused":
        out.print("  paused: nothing was done")
    elif summary.mode == "observe" and summary.counts.get("classified") and not summary.dry_run:
        out.print(f"  nothing was changed. The plan: scripts/agent sync {summary.account} --dry-run")
    elif summary.counts.get("applied"):
        out.print(f"  to take it back: scripts/agent undo {summary.run}")
