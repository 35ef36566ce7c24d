"""The `recommit` command: each module of `recommit.verbs` is a verb, imported only when it is called."""

import importlib
import sys
from pathlib import Path

import click

from recommit import Refusal

_VERBS = Path(__file__).with_name("verbs")


class Verbs(click.Group):
    """Finds a verb by its module's name, so that a stage depends on the verb it runs and on no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of all verbs, sorted."""
        return sorted(path.stem for path in _VERBS.glob("[a-z]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Returns the verb `cmd_name`, or None if there is no such module."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"recommit.verbs.{cmd_name}").command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def recommit() -> None:
    """Run notebooks as pipeline stages, and carry their results on."""


def main() -> None:
    """Runs the command line. A refusal is a few plain lines and its exit status, never a traceback."""
    try:
        recommit.main(standalone_mode=False)
    except Refusal as refusal:
        click.echo(f"recommit: {refusal}", err=True)
        sys.exit(refusal.status)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except OSError as error:
        click.echo(f"recommit: {error}: see to the disk or the file, then run it again", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("recommit: interrupted", err=True)
        sys.exit(1)
