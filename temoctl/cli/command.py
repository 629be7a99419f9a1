"""How a command is declared: its own parameters, plus the ones every command has, gathered into a `Session`.

Must not know any command.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperGroup

from temoctl.cli.session import Session


def tenant_ids(incomplete: str) -> list[str]:
    """Tenant ids for Tab, from the file names alone: completing must not open the world."""
    folder = Path(os.environ.get("TEMOCTL_DIR") or ".") / "tenant_specs"
    names = sorted(path.stem for path in folder.glob("*.y*ml"))
    return [name for name in [*names, "platform"] if name.startswith(incomplete)]


class Interrupted(Exception):
    """Ctrl-C outside of a run that handles it itself."""


Directory = Annotated[
    str,
    typer.Option("--dir", envvar="TEMOCTL_DIR", metavar="FOLDER", help="The folder that holds platform.yaml."),
]
Profile = Annotated[
    str,
    typer.Option(
        "--profile", envvar="TEMOCTL_PROFILE", metavar="NAME", help="Use platform.NAME.yaml instead of platform.yaml."
    ),
]
Actor = Annotated[
    str,
    typer.Option(
        "--as",
        envvar="TEMOCTL_PRINCIPAL",
        metavar="NAME[:ROLE]",
        help="Who you are; ROLE is admin, ci or manager (the default when a name is given).",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a screen.")]
Detail = Annotated[bool, typer.Option("--detail", help="Show addresses and every field.")]

Tenants = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TENANT",
        help="Tenant ids; `platform` is what they share.",
        show_default=False,
        autocompletion=tenant_ids,
    ),
]
Everyone = Annotated[bool, typer.Option("--all", help="All tenants, the platform first.")]
Answers = Annotated[
    list[str] | None,
    typer.Option("--answer", metavar="KEY=VALUE", help="Answer a question beforehand; repeat it for several."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask; do it.")]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="WHAT", help="Allow losing data, by name, e.g. delete:supabase.table."),
]
DetailedExit = Annotated[
    bool, typer.Option("--detailed-exitcode", help="End with 2 when there is something to change.")
]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="PATTERN", help="Show only matching addresses, e.g. '*/n8n.*'.")
]
Except = Annotated[list[str] | None, typer.Option("--except", metavar="PATTERN", help="Leave out matching addresses.")]
Parallelism = Annotated[
    int, typer.Option("--parallelism", min=1, max=256, help="How many tenants are worked on at once.")
]


def command(
    app: typer.Typer, name: str | None = None, **settings: Any
) -> Callable[[Callable[..., int | None]], Callable[..., None]]:
    """Register a function as a command. Its first parameter is the session; it returns an exit code or None.

    Every command gets --dir, --profile, --as, --json and --detail.
    """

    def register(body: Callable[..., int | None]) -> Callable[..., None]:
        hints = get_type_hints(body, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name])
            for parameter in list(inspect.signature(body).parameters.values())[1:]
        ]
        shared = [
            _keyword("directory", Directory, "."),
            _keyword("profile", Profile, ""),
            _keyword("actor", Actor, ""),
            _keyword("as_json", AsJson, False),
            _keyword("detail", Detail, False),
        ]

        @functools.wraps(body)
        def run(**given: Any) -> None:
            session = Session.start(
                directory=given.pop("directory"),
                profile=given.pop("profile"),
                actor=given.pop("actor"),
                as_json=given.pop("as_json"),
                detail=given.pop("detail"),
            )
            try:
                code = body(session, **given)
            except KeyboardInterrupt:
                raise Interrupted from None
            raise typer.Exit(int(code or 0))

        parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *shared)]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        app.command(name, **settings)(run)
        return run

    return register


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def group(help_text: str, order: type[TyperGroup] = TyperGroup) -> typer.Typer:
    """A Typer app that explains itself in plain words and never draws boxes."""
    return typer.Typer(
        cls=order,
        help=help_text,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _content_width()},
    )


def _content_width() -> int:
    return min(100, int(os.environ["COLUMNS"])) if os.environ.get("COLUMNS", "").isdigit() else 80


def split(values: list[str] | None) -> tuple[str, ...]:
    """Repeated and comma-separated values as one tuple: `--allow a --allow b,c`."""
    return tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())
