"""Errors → words on standard error (or one JSON document) and the exit code. The table of DESIGN §10.

Must not be reached by anything that went well.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temoctl.app.requests import ExitCode
from temoctl.model.diagnostic import Diagnostic
from temoctl.model.errors import Locked, Problems, TemoError, UserError

_ISSUES = "send the report file to whoever maintains temoctl for you; no secret stands in it"


def code_of(error: TemoError) -> ExitCode:
    """The exit code that an error means."""
    if isinstance(error, UserError):
        return ExitCode.BAD_INPUT
    return ExitCode.LOCKED if isinstance(error, Locked) else ExitCode.ERROR


def usage(error: Exception, words: Sequence[str]) -> int:
    """A command line that can't be understood. Click's own exit code 2 would read as drift."""
    context: Any = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "temoctl"
    text = str(getattr(error, "format_message", lambda: str(error))()).rstrip(".")
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(str(context.get_help()) + "\n" if context is not None else "")
        return int(ExitCode.BAD_INPUT)
    _tell([Diagnostic("TEMO100", _lower(text), fix=f"see `{path} --help`")], words)
    return int(ExitCode.BAD_INPUT)


def failed(error: Exception, words: Sequence[str]) -> int:
    """Anything else that ended the command."""
    if isinstance(error, Problems):
        _tell(error.diagnostics, words)
        return int(ExitCode.BAD_INPUT)
    if isinstance(error, ExceptionGroup) and (known := _first_known(error)) is not None:
        error = known
    if isinstance(error, TemoError):
        _tell([error.diagnostic()], words)
        return int(code_of(error))
    _tell([_unforeseen(error, words)], words)
    return int(ExitCode.ERROR)


def _first_known(group: ExceptionGroup[Exception]) -> TemoError | None:
    for one in group.exceptions:
        if isinstance(one, TemoError):
            return one
        if isinstance(one, ExceptionGroup) and (found := _first_known(one)) is not None:
            return found
    return None


def _tell(found: Sequence[Diagnostic], words: Sequence[str]) -> None:
    from temoctl.cli.console import Console
    from temoctl.render.diagnostics import problems, tree

    masked = [_masked(one) for one in found]
    if "--json" in words:
        document = {"format_version": 1, "errors": [tree(one) for one in masked]}
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    console = Console()
    console.complain(problems(masked, console.cells))


def _masked(one: Diagnostic) -> Diagnostic:
    from dataclasses import replace

    from temoctl.app.redaction import known_secrets

    return replace(one, summary=known_secrets.mask(one.summary), detail=known_secrets.mask(one.detail))


def _unforeseen(error: Exception, words: Sequence[str]) -> Diagnostic:
    """TEMO900: our own fault. The traceback goes into a file, known secrets masked, and not to the screen."""
    from temoctl import __version__
    from temoctl.app.home import home
    from temoctl.app.redaction import known_secrets

    text = "".join(traceback.format_exception(error))
    report = known_secrets.mask(
        f"temoctl {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n"
        f"command: temoctl {' '.join(words)}\n\n{text}"
    )
    where = _write(home() / "reports" / f"report-{time.strftime('%Y%m%d-%H%M%S')}.txt", report)
    detail = f"{type(error).__name__}: {known_secrets.mask(str(error))[:200]}"
    return Diagnostic(
        "TEMO900",
        "temoctl made a mistake of its own",
        detail=f"{detail}\n{where}",
        fix=f"run the same command again; if it comes back, {_ISSUES}",
    )


def _write(path: Path, report: str) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(report, encoding="utf-8")
        path.chmod(0o600)
    except OSError as error:
        return f"no report could be written ({error.strerror})"
    return f"report: {path}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[:2] != text[:2].upper() else text
