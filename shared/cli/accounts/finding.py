"""From what is known of an account to where it logs in; what only DNS says of another domain is asked about."""

import ipaddress
from dataclasses import dataclass, replace

import click

from shared.cli.accounts.asking import accept, ask, can_ask, say
from shared.discovery.providers import Provider, Server, SignIn, provider_of_server
from shared.discovery.servers import Found, Names, domain_of, find_server
from shared.discovery.table import PROVIDERS
from shared.errors import DependencyDown, InvalidSettings
from shared.records import Account, Tls

PORTS = {Tls.TLS: 993, Tls.STARTTLS: 143, Tls.NONE: 143}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the command line says of a server; None is for us to find out."""

    address: str | None = None
    host: str | None = None
    port: int | None = None
    tls: Tls | None = None
    username: str | None = None
    accept_host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where and as whom to log in."""

    server: Server
    username: str
    provider: Provider | None


def find_login(known: Known, names: Names) -> Login:
    """Return where to log in: as given, else found by the address."""
    address = known.address
    if address is None and known.username and "@" in known.username:
        address = known.username
    if known.host is not None:
        tls = known.tls or Tls.TLS
        server = Server(host=known.host, port=known.port or PORTS[tls], tls=tls)
        provider = provider_of_server(server.host, server.port, PROVIDERS)
    else:
        address = address or ask("E-mail address", "--address, or --host,")
        found = _found(address, known, names)
        provider = found.provider
        server = replace(found.server, port=known.port or found.server.port, tls=known.tls or found.server.tls)
    username = known.username
    if username is None and address is not None:
        username = provider.username(address) if provider else address
    return Login(server=server, username=username or ask("User name", "--username"), provider=provider)


def advise(provider: Provider | None) -> None:
    """Say before a password is typed what the provider wants for one."""
    if provider is None or not provider.advice:
        return
    if provider.sign_in is SignIn.NONE:
        raise InvalidSettings(f"{provider.title} cannot be read by email-agent", hint=provider.advice)
    wants = {
        SignIn.APP_PASSWORD: "wants a password made for this program, not your own",
        SignIn.OAUTH: "will most likely refuse the password",
        SignIn.PASSWORD: "may need a word first",
        SignIn.NONE: "",
    }
    say(f"{provider.title} {wants[provider.sign_in]}: {provider.advice}")


def refuse_plaintext(account: Account) -> None:
    """Without TLS only this machine is reached, unless the owner writes down that it may be another."""
    if account.tls is not Tls.NONE or account.plaintext_allowed or account.host == "localhost":
        return
    try:
        is_loopback = ipaddress.ip_address(account.host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise InvalidSettings(
            f"--tls none sends the password readable to {account.host}",
            hint="use --tls tls or starttls, or write it down with --allow-plaintext",
        )


def _found(address: str, known: Known, names: Names) -> Found:
    domain = domain_of(address)
    try:
        found = find_server(address, names)
    except DependencyDown as error:
        if not can_ask():
            raise
        say(f"{error.detail}.")
        found = None
    if found is None:
        host = ask(f"{domain} is not known, and its DNS names no IMAP server. Which is it", "--host", f"imap.{domain}")
        return Found(
            server=Server(host=host), provider=provider_of_server(host, PORTS[Tls.TLS], PROVIDERS), source="as given"
        )
    server = found.server
    if found.provider is not None and found.provider.sign_in is SignIn.NONE:
        return found  # which nobody is sent a password for
    say(f"{domain}: {server.host}:{server.port}, {server.tls} ({found.source})")
    if found.is_foreign and known.accept_host != server.host:
        accept(
            f"The {found.source} names {server.host}, a server of another domain. Send it your password?",
            f"--accept-host {server.host}",
        )
    return found


def plain(text: str, what: str, limit: int = 200) -> str:
    """Return a name that a terminal and a script can show, or fail as a usage error."""
    if not text or text != text.strip() or len(text) > limit or not text.isprintable():
        raise click.BadParameter(f"1 to {limit} printable characters, no space at either end", param_hint=what)
    return text
