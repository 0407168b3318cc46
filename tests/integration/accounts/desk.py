"""The command line among servers of ours: `python -m tests.integration.accounts.desk '{"imap_port": …}' WORDS`.

Every IMAP server that is asked for is the one on this machine, without TLS; all else is the real program.
"""

import json
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from shared.cli.app import main
from shared.discovery.dns import Dns, NameServer
from shared.imap.mailbox import ImapSession
from shared.records import Account, Tls
from shared.settings import Settings
from shared.wiring import Wiring, wired


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Where the servers of a test are."""

    database_url: str
    dns_port: int
    imap_port: int
    dialled: list[str] = field(default_factory=list)


class DeskWiring(Wiring):
    """The real wiring, but for where servers are; `machines.dialled` has the hosts that a password was meant for."""

    def __init__(self, settings: Settings, machines: Machines) -> None:
        super().__init__(settings, database_url=machines.database_url)
        self._machines = machines

    @property
    def names(self) -> Dns:
        return Dns(NameServer(host="127.0.0.1", port=self._machines.dns_port), all_s=1.0)

    def login(self, account: Account, password: str, lease_until: float) -> AbstractContextManager[ImapSession]:
        self._machines.dialled.append(account.host)
        here = replace(account, host="127.0.0.1", port=self._machines.imap_port, tls=Tls.NONE)
        return super().login(here, password, lease_until)


if __name__ == "__main__":
    with wired(DeskWiring(Settings.from_environment(), Machines(**json.loads(sys.argv[1])))):
        main(sys.argv[2:])
