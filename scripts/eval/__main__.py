"""`make eval`: decide the test mail with the shipped rules and say, per category, how often they are right."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from scripts.eval.archives import find_archive, read_archive, read_manifest
from scripts.eval.errors import EvalError
from scripts.eval.figures import Report, report
from scripts.eval.judge import Judged, judge
from scripts.eval.labels import Labels, read_labels
from scripts.eval.mails import MOMENT, stored_email
from scripts.eval.show import show
from shared.errors import EmailAgentError
from shared.rules.decide import decide
from shared.rules.load import load_rule_files
from shared.rules.rule_set import RuleSet

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = ROOT / "rules" / "default.yml"
RESULT = ROOT / "build" / "eval" / "rules.json"
MAIL_DIR = ROOT.parent / "shared" / "data"
EXIT_MISSED = 1
WIDTH = 120


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as one object instead of tables.")
@click.option("--errors", is_flag=True, help="Name each mistake by the mail's id.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=RESULT, help="Where the report goes.")
def evaluate(files: tuple[Path, ...], as_json: bool, errors: bool, out: Path) -> None:
    """Measure a rule set (without FILES the shipped one) on the test mail in TEST_MAIL_DIR.

    Exit 1 when a category's precision is below its bound, or good mail is called junk.
    """
    paths = files or (DEFAULT,)
    try:
        rule_set = load_rule_files(paths)
        labels = read_labels()
        judged = list(_judged(rule_set, labels, Path(os.environ.get("TEST_MAIL_DIR") or MAIL_DIR)))
    except (EvalError, EmailAgentError) as error:
        raise click.ClickException(str(error)) from error
    found = report(judged, rule_set.categories, rules=", ".join(path.name for path in paths), digest=rule_set.digest)
    found.write(out)
    _print(found, as_json=as_json, errors=errors)
    if found.faults:
        click.echo(f"below the bound: {'; '.join(found.faults)}", err=True)
        sys.exit(EXIT_MISSED)


def _judged(rule_set: RuleSet, labels: Labels, folder: Path) -> Iterator[Judged]:
    rows = read_manifest(folder)
    archives = {source: find_archive(folder, source) for source in labels.sources()}
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for source, path in archives.items():
            task = progress.add_task(source, total=sum(one.startswith(f"{source}/") for one in rows))
            for mail_id, octets in read_archive(path):
                row = rows.get(mail_id)
                if row is not None:
                    decision = decide(rule_set, stored_email(octets, rule_set.extra_headers), MOMENT)
                    yield judge(row, labels.truth(row), decision)
                    progress.advance(task)


def _print(found: Report, *, as_json: bool, errors: bool) -> None:
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False))
        return
    show(Console(width=None if sys.stdout.isatty() else WIDTH), found, errors=errors)


if __name__ == "__main__":
    evaluate()
