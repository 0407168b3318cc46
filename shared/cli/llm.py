"""`agent llm`: try the language model, and see what a mail costs on this machine."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from shared.cli.console import console, print_json, print_table, progress
from shared.cli.rule_files import FILES, load_files
from shared.cli.shown import on_one_line
from shared.llm.trial import Trial
from shared.settings import Settings
from shared.wiring import Wiring, installed

BYTES_PER_GB = 1e9
SHOWN_TOKENS = 5


@click.command()
@FILES
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def llm(files: Sequence[Path], *, as_json: bool) -> int:
    """Try the language model: load it, ask it about two made-up mails, and say what one costs here.

    It is asked about the categories of these rule files, without any those of rules/default.yml. Exit code 1 if a mail
    could write one of the model's control tokens.
    """
    root = installed() or Wiring(Settings.from_environment())
    categories = tuple(load_files(files).categories.values())
    with progress(f"{root.settings.language_model.model}: loading it, and asking"):
        found = root.try_language_model(categories)
    if as_json:
        speed = {**dataclasses.asdict(found.speed), "mails_per_hour": found.speed.mails_per_hour}
        print_json({**dataclasses.asdict(found), "model": root.settings.language_model.model, "speed": speed})
    else:
        _print(found, root.settings.language_model.model)
    return 1 if found.writable else 0


def _print(found: Trial, model: str) -> None:
    speed = found.speed
    writable = ", ".join(map(on_one_line, found.writable[:SHOWN_TOKENS])) or "none of them"
    tokens = f"{found.special_tokens} in its vocabulary, a mail can write {writable}"
    rows = [
        ("server", f"Ollama {on_one_line(found.version)}"),
        ("model", f"{model}, {found.model_bytes / BYTES_PER_GB:.1f} GB, on this server"),
        ("in memory", f"after {found.load_s:.1f} s, with a context of {found.context} tokens"),
        ("answer", f"one of {found.labels} letters, {'with' if found.has_probabilities else 'without'} probabilities"),
        ("control tokens", tokens if found.special_tokens else "the server does not tell them"),
        ("first question", f"{speed.first_s:.1f} s for {speed.prompt_tokens} tokens"),
        ("next mail", f"{speed.next_s:.1f} s: about {speed.mails_per_hour:.0f} mails an hour"),
        ("reading", f"{speed.prompt_tokens_per_s:.0f} tokens a second"),
        ("writing", f"{speed.answer_tokens_per_s:.0f} tokens a second"),
    ]
    print_table(("what", "found"), rows)
    if found.thinks:
        console().print("It may think before it answers, which takes time with each mail: choose one that cannot.")
    if found.writable:
        console().print("Choose another model: with this one a mail could end its own part of the prompt.")
