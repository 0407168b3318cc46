"""`agent accounts`: whose mail is sorted, and what the agent is allowed to do there."""

import click

from shared.cli.accounts.add import add
from shared.cli.accounts.change import cap, interval, login, mailboxes, mode, password
from shared.cli.accounts.remove import remove
from shared.cli.accounts.rotate import rotate_key
from shared.cli.accounts.show import list_accounts, show, test
from shared.cli.lazy import Sentences


@click.group(cls=Sentences)
def accounts() -> None:
    """Add, list, test and remove accounts, and set what is allowed."""


for command in (add, list_accounts, show, test, mode, cap, interval, mailboxes, password, login, rotate_key, remove):
    accounts.add_command(command)
