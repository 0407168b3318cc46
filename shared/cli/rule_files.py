"""Rule files as commands take them."""

from collections.abc import Sequence
from pathlib import Path

import click

from shared.rules.load import load_rule_files
from shared.rules.rule_set import RuleSet
from shared.settings import ROOT

DEFAULT = ROOT / "rules" / "default.yml"
FILES = click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))


def load_files(files: Sequence[Path]) -> RuleSet:
    """Load the files as one rule set; without any, those the project brings."""
    return load_rule_files(list(files) or [DEFAULT])


def size_of(rule_set: RuleSet) -> str:
    """Say how large a rule set is."""
    return f"{len(rule_set.rules)} rules, {len(rule_set.categories)} categories"
