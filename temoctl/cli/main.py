"""The entry point, and the one place where errors become exit codes and words.

Nothing passes it as a traceback: what temoctl didn't foresee becomes TEMO900 and a report file.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from temoctl.cli.command import Interrupted, group

_COMMANDS = (
    "init",
    "new",
    "validate",
    "schema",
    "explain",
    "plan",
    "apply",
    "destroy",
    "drift",
    "archive",
    "status",
    "state",
    "secrets",
    "history",
    "serve",
    "sandbox",
    "doctor",
    "completion",
)
_HELP = """Bring tenants online from one YAML file each, keep them so, and take them down without a trace.

Start with `temoctl sandbox start` (a whole world on this computer) or `temoctl init`.
Then: plan (what would change), apply (do it), drift (what changed behind our back), destroy.
"""

_EPILOG = (
    "Exit codes: 0 done, 1 error, 2 changes pending, 3 waiting for a person, 4 partly failed, 5 bad input, 6 locked."
)


def _version(asked: bool) -> None:
    if asked:
        from temoctl import __version__

        sys.stdout.write(f"temoctl {__version__}\n")
        raise typer.Exit(0)


def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """The options before the command."""


class _InOrder(TyperGroup):
    """Commands in the order of a tenant's life, groups among them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=_COMMANDS.index)


def build() -> typer.Typer:
    """The whole command tree. Each module under `cli` registers its own commands."""
    app = group(_HELP, _InOrder)
    app.callback(help=_HELP, epilog=_EPILOG)(_top)
    for name in _COMMANDS:
        importlib.import_module(f"temoctl.cli.{name}").register(app)
    return app


def run() -> NoReturn:
    """The console script."""
    # A fleet is hundreds of thousands of small values that live until the end: looking them over for cycles every 700
    # allocations is a tenth of a plan's processor time.
    gc.set_threshold(50_000, 20, 100)
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence()
    sys.exit(code)


def main(words: list[str]) -> int:
    """Run one command line and return its exit code. Never raises."""
    from_click = typer.BadParameter.__mro__[2]  # Click's base error, wherever this Typer keeps it
    try:
        if "_TEMOCTL_COMPLETE" in os.environ:
            _complete()
        tree: Any = typer.main.get_command(build())
        return int(tree.main(args=words, prog_name="temoctl", standalone_mode=False) or 0)
    except typer.Exit as ending:
        return ending.exit_code
    except (KeyboardInterrupt, Interrupted, typer.Abort):
        sys.stderr.write("\nStopped by you. Nothing is half-made; run the same command again to go on.\n")
        return 1
    except BrokenPipeError:
        _silence()
        return 0
    except Exception as error:  # the one place that may: everything below raises what it means
        from temoctl.cli import outcome

        if isinstance(error, from_click):
            return outcome.usage(error, words)
        return outcome.failed(error, words)


def _complete() -> None:
    from typer import completion

    completion.completion_init()  # type: ignore[attr-defined]


def _silence() -> None:
    """Whoever read our output went away (`| head`): let the interpreter close without a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
