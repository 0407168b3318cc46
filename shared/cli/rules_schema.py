"""`agent rules schema`: the rule language for editors."""

import click

from shared.rules.schema import schema_text


@click.command("schema")
def schema() -> None:
    """Print the JSON Schema of rule files, with which editors complete and check words as they are typed."""
    click.echo(schema_text(), nl=False)
