"""`agent rules`: check, test, compare, explain and push the rules."""

from pathlib import Path

import click

from shared.cli.console import console
from shared.cli.lazy import Sentences
from shared.cli.rule_files import FILES, load_files, size_of
from shared.cli.rules_diff import diff
from shared.cli.rules_explain import explain
from shared.cli.rules_import import import_rules
from shared.cli.rules_schema import schema
from shared.cli.stack import in_process
from shared.errors import InvalidRules
from shared.rules.check import run_rule_tests, unreadable_tests
from shared.rules.faults import raise_faults
from shared.rules.lint import warnings
from shared.rules.rule_set import RuleSet


@click.group(cls=Sentences)
def rules() -> None:
    """Check, test and push rules; without FILE those in rules/default.yml."""


@rules.command()
@FILES
def check(files: tuple[Path, ...]) -> None:
    """Say what is wrong in the rules, as file:line:column; warn of what is legal and probably not meant."""
    rule_set = load_files(files)
    raise_faults(unreadable_tests(rule_set))
    for warning in warnings(rule_set):
        click.echo(f"{warning.place}: warning: {warning.text}")
    click.echo(f"{size_of(rule_set)}: no faults")


@rules.command()
@FILES
def test(files: tuple[Path, ...]) -> None:
    """Run the tests that the rules carry; of one that fails, say what each condition said."""
    rule_set = load_files(files)
    _require_tests(rule_set)
    console().print(f"{sum(len(rule.tests) for rule in rule_set.rules)} tests passed")


@rules.command()
@FILES
def push(files: tuple[Path, ...]) -> None:
    """Make the rules the active version; refused while one of their tests fails."""
    rule_set = load_files(files)
    _require_tests(rule_set)
    with in_process() as root:
        number = root.store.rule_sets.push(rule_set.text, rule_set.digest)
    console().print(f"{size_of(rule_set)} pushed: version {number} is active")
    console().print("it decides new mail; for mail that is stored: scripts/agent reclassify")


rules.add_command(diff)
rules.add_command(explain)
rules.add_command(import_rules)
rules.add_command(schema)


def _require_tests(rule_set: RuleSet) -> None:
    faults = run_rule_tests(rule_set)
    if faults:
        raise InvalidRules("\n".join(str(fault) for fault in faults))
