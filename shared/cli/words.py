"""Words that only the database knows, completed while they are typed: account names, run ids."""

import re
from collections.abc import Callable

import click

from shared.embedded.postgres import running_url
from shared.errors import EmailAgentError
from shared.security.secret_files import SecretFiles
from shared.settings import Settings
from shared.store import glance

PLAIN = re.compile(r"[\w.+@-]+", re.ASCII)
"""Words that need no quoting in any shell; others are not completed."""


def accounts_at_hand(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Name the accounts that begin like this, if the database can be asked right now."""
    return _beginning(incomplete, glance.account_names)


def runs_at_hand(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Name the last runs that begin like this, if the database can be asked right now."""
    return _beginning(incomplete, glance.recent_runs)


def last_or_runs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Name `last`, and the last runs."""
    return [word for word in ("last",) if word.startswith(incomplete)] + runs_at_hand(context, parameter, incomplete)


def _beginning(incomplete: str, ask: Callable[[str], list[str]]) -> list[str]:
    """Ask without starting anything; who types is not told of trouble."""
    try:
        url = _database_at_hand()
        words = ask(url) if url else []
    except (EmailAgentError, OSError):
        return []
    return [word for word in words if word.startswith(incomplete) and PLAIN.fullmatch(word)]


def _database_at_hand() -> str | None:
    """Return the URL of the database that is configured, or of the embedded one if it runs."""
    settings = Settings.from_environment()
    if settings.places.database_url is not None:
        return settings.places.database_url.get_secret_value()
    secret = SecretFiles(folder=settings.places.secrets_dir).postgres_url()
    return secret or running_url(settings.places.home)
