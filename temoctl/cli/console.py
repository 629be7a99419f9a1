"""Where pages go: standard output and error, with colour only where a person looks at it.

Must not know what the pages say. rich is imported when the first styled page is printed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from temoctl.render.page import Page

_NARROWEST, _WIDEST = 60, 120


class Console:
    """`quiet` keeps standard output free for one JSON document: pages are dropped, problems go to standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.cells = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((80, 24)).columns))
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="replace")  # a name in a script the terminal can't show must not end the command

    def show(self, page: Page) -> None:
        """A page of the answer."""
        if not self.quiet:
            self._print(page, sys.stdout)

    def complain(self, page: Page) -> None:
        """A page about what is wrong."""
        self._print(page, sys.stderr)

    def say(self, line: str) -> None:
        """One line of the answer."""
        if not self.quiet:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def whisper(self, line: str) -> None:
        """One line beside the answer."""
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    @property
    def interactive(self) -> bool:
        """True when a person can be asked."""
        return not self.quiet and sys.stdin.isatty() and sys.stdout.isatty()

    @property
    def live(self) -> bool:
        """True when lines can be redrawn."""
        return not self.quiet and sys.stdout.isatty() and os.environ.get("TERM", "") != "dumb"

    def rich(self, stream: TextIO | None = None) -> Any:
        """A rich console on the stream."""
        from rich.console import Console as Rich

        return Rich(file=stream or sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def _print(self, page: Page, stream: TextIO) -> None:
        if not _styled(stream):
            stream.write(page.plain())
            stream.flush()
            return
        rich = self.rich(stream)
        for line in page.lines:
            rich.print(line)


def _styled(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") != "dumb"


def ask(question: str, *, default: str = "") -> str:
    """One line from the person at the terminal; end of input reads as the default."""
    hint = f" [{default}]" if default else ""
    # An event loop only takes a note of Ctrl-C, and looks at it when it turns again: here it must count at once.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.stdout.write(f"{question}{hint}: ")
        sys.stdout.flush()
        answer = sys.stdin.readline()
    finally:
        signal.signal(signal.SIGINT, before)
    return answer.strip() or default
