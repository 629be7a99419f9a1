"""Progress while a run goes on: a block that is redrawn on a terminal, plain lines in a pipe, nothing under --json."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temoctl.cli.console import Console
    from temoctl.engine.events import Event


@contextmanager
def follow(console: Console, *, many: bool) -> Iterator[Callable[[Event], None]]:
    """A listener for the events of a run."""
    from temoctl.render.events import event_line

    if not console.live:

        def plain(event: Event) -> None:
            line = event_line(event, many=many)
            if line is not None:
                console.say(line)

        yield plain
        return

    from rich.live import Live
    from rich.text import Text

    from temoctl.render.events import Board

    board = Board()

    class Block:
        def __rich__(self) -> Text:
            return Text("\n".join(board.lines(time.monotonic())), no_wrap=True, overflow="ellipsis")

    with Live(Block(), console=console.rich(), refresh_per_second=8, transient=True) as live:

        def listen(event: Event) -> None:
            board.take(event, time.monotonic())
            line = event_line(event, many=many)
            if line is not None:
                live.console.print(Text(line))

        yield listen


@contextmanager
def reading(console: Console) -> Iterator[Callable[[str], None]]:
    """What a plan is doing, on one line that goes away again; silent where lines can't be redrawn."""
    if not console.live:
        yield lambda _: None
        return
    from rich.status import Status

    with Status("…", console=console.rich()) as status:
        yield lambda words: status.update(f"{words} …")
