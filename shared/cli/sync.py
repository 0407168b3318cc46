"""`agent sync` and `agent undo`: they call the functions over HTTP, and need no mail password."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import click

from shared.batch import Batch
from shared.chain.answers import Summary
from shared.chain.client import FunctionsClient, GatewayDown, check_gateway
from shared.chain.sync import ASKED_FOR_S, Functions, Sync
from shared.cli.console import print_json, progress
from shared.cli.exits import Exit, complain, exit_of, worst
from shared.cli.report import show_sync, show_undo
from shared.cli.stack import in_process
from shared.cli.words import accounts_at_hand, last_or_runs, runs_at_hand
from shared.errors import DatabaseDown, EmailAgentError, LeaseHeld, NotFound
from shared.security.secret_files import SecretFiles
from shared.settings import Settings

ANSWER_MARGIN_S = 60.0
"""What the client waits beyond a function's own deadline."""

ASKS_FOR_S: dict[str, float | None] = {"no": 0.0, "some": ASKED_FOR_S, "all": None}
"""How long the language model is asked, by the words for it."""

OF_ALL = (GatewayDown, DatabaseDown)
"""What no account can do without: when one sync has waited for it in vain, the next ones do not wait again."""


@click.command()
@click.argument("account", required=False, shell_complete=accounts_at_hand)
@click.option("--dry-run", is_flag=True, help="Show what would be done; the server is only read.")
@click.option("--limit", type=click.IntRange(1, 100_000), help="Read at most this many new mails.")
@click.option(
    "--confirm", type=click.UUID, metavar="RUN", help="Do what the run RUN held back.", shell_complete=runs_at_hand
)
@click.option(
    "--llm",
    type=click.Choice(list(ASKS_FOR_S)),
    default="some",
    show_default=True,
    help="Ask the language model about mail no rule decides: not, for ten minutes, or until none waits.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def sync(
    account: str | None, *, dry_run: bool, limit: int | None, confirm: uuid.UUID | None, llm: str, as_json: bool
) -> int:
    """Read new mail, classify it, and file it; all accounts, or ACCOUNT."""
    functions = functions_client()
    if confirm and not account:
        account = account_of(confirm)
    names = [account] if account else _all_accounts()
    batches = [Batch(account=name, dry_run=dry_run, limit=limit, confirm=confirm) for name in names]
    summaries = list(sync_each(functions, batches, as_json=as_json, asks_for_s=ASKS_FOR_S[llm]))
    if as_json:
        documents = [summary.as_json() for summary in summaries]
        print_json(documents[0] if len(documents) == 1 else {"syncs": documents})
    return exit_code(summaries)


def _run_or_last(_context: click.Context, _parameter: click.Parameter, word: str) -> uuid.UUID | None:
    """Read a run's id, None for `last`; another word is a usage error, before anybody is asked anything."""
    if word == "last":
        return None
    try:
        return uuid.UUID(word)
    except ValueError as error:
        raise click.BadParameter(f"{word!r} is neither a run's id nor `last`") from error


@click.command()
@click.argument("run", callback=_run_or_last, shell_complete=last_or_runs)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def undo(run: uuid.UUID | None, *, as_json: bool) -> int:
    """Take back what RUN (a run's id, or `last`) did; what a person has touched since is left alone."""
    functions = functions_client()
    account, undone = _run_and_account(run)
    batch = Batch(account=account)
    with saying_who_is_waited_for(account), letting_go(batch.run), progress(f"undo {undone}") as report:
        summary = Sync(functions=functions, batch=batch, on_progress=report).undo(undone)
    if as_json:
        print_json(summary.as_json() | {"undo": str(undone)})
    else:
        show_undo(summary, undone)
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


def sync_each(
    functions: Functions, batches: Sequence[Batch], *, as_json: bool, asks_for_s: float | None = ASKED_FOR_S
) -> Iterator[Summary]:
    """Sync account after account; of several, one that fails is told and does not keep the others from theirs."""
    failure: EmailAgentError | None = None
    for batch in batches:
        work = Sync(functions=functions, batch=batch, asks_for_s=asks_for_s)
        try:
            if isinstance(failure, OF_ALL):
                raise failure
            with (
                saying_who_is_waited_for(batch.account),
                letting_go(batch.run),
                progress(batch.account) as work.on_progress,
            ):
                summary = work.run()
        except EmailAgentError as error:
            if len(batches) == 1:
                raise
            failure, summary = error, work.failed(error)
            complain(type(error).__name__, f"{batch.account}: {error.detail}", error.hint, as_json=as_json)
        if not as_json and summary.error is None:
            show_sync(summary)
        yield summary


@contextmanager
def saying_who_is_waited_for(account: str) -> Iterator[None]:
    """Let a LeaseHeld say whose end it is that one waits for, and how long that may take at most."""
    try:
        yield
    except LeaseHeld as error:
        settings = Settings.from_environment()
        longest_s = settings.work.claim_timeout_s + settings.imap.timeout_s
        who = f"another sync or undo of {account!r} is at work"
        error.hint = f"{who}; one that was killed lets go by itself after at most {longest_s:.0f} s"
        raise


@contextmanager
def letting_go(run: uuid.UUID) -> Iterator[None]:
    """Let another run go first when this one is interrupted; a call in flight ends by itself, under its own lease."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(EmailAgentError, KeyboardInterrupt), in_process() as root:  # else the lease ends by itself
            root.store.runs.step_aside(run)
        raise


def exit_code(summaries: Sequence[Summary]) -> Exit:
    """Return the exit code for what came out: that of the worst."""
    return worst(_exit_of(summary) for summary in summaries)


def _exit_of(summary: Summary) -> Exit:
    if summary.error is not None:
        return exit_of(summary.error)
    return Exit.WAITS if summary.outcome == "held" else Exit.OK


def _all_accounts() -> list[str]:
    with in_process() as root:
        names = [account.name for account in root.store.accounts.list()]
    if not names:
        raise NotFound("there is no account yet", hint="add one: scripts/agent accounts add")
    return names


def _run_and_account(run: uuid.UUID | None) -> tuple[str, uuid.UUID]:
    if run is not None:
        return account_of(run), run
    with in_process() as root:
        return root.store.runs.last_filing()
