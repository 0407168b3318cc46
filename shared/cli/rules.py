"""`agent rules`: check, test and push the rules."""

from pathlib import Path

import click

from shared.cli.console import console
from shared.cli.stack import in_process
from shared.errors import InvalidRules
from shared.rules.check import run_rule_tests
from shared.rules.load import load_rule_files
from shared.rules.rule_set import RuleSet
from shared.settings import ROOT

DEFAULT = ROOT / "rules" / "default.yml"
FILES = click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))


@click.group()
def rules() -> None:
    """Check, test and push rules; without FILE those in rules/default.yml."""


@rules.command()
@FILES
def check(files: tuple[Path, ...]) -> None:
    """Say what is wrong in the rules, as file:line:column."""
    console().print(f"{_size(_load(files))}: no faults")


@rules.command()
@FILES
def test(files: tuple[Path, ...]) -> None:
    """Run the tests that the rules carry."""
    rule_set = _load(files)
    _require_tests(rule_set)
    console().print(f"{sum(len(rule.tests) for rule in rule_set.rules)} tests passed")


@rules.command()
@FILES
def push(files: tuple[Path, ...]) -> None:
    """Make the rules the active version; refused while one of their tests fails."""
    rule_set = _load(files)
    _require_tests(rule_set)
    with in_process() as root:
        number = root.store.rule_sets.push(rule_set.text, rule_set.digest)
    console().print(f"{_size(rule_set)} pushed: version {number} is active")


def _load(files: tuple[Path, ...]) -> RuleSet:
    return load_rule_files(list(files) or [DEFAULT])


def _require_tests(rule_set: RuleSet) -> None:
    faults = run_rule_tests(rule_set)
    if faults:
        raise InvalidRules("\n".join(str(fault) for fault in faults))


def _size(rule_set: RuleSet) -> str:
    return f"{len(rule_set.rules)} rules, {len(rule_set.categories)} categories"
