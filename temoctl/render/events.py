"""What happens during a run, told as it happens: one calm line an event in a pipe, a live block on a terminal.

Must not decide what happens, and remembers only what is needed to draw the next line.
"""

from __future__ import annotations

from temoctl.engine.events import (
    Event,
    Recovering,
    RunStarted,
    StepDone,
    StepFailed,
    StepNotTried,
    StepStarted,
    StepWaiting,
    Stopping,
)
from temoctl.render.text import count, duration, safe
from temoctl.render.words import DOING, WORD, noun

_LONG = 10.0


def event_line(event: Event, *, many: bool = False) -> str | None:
    """One event as a plain line; None for those a log doesn't need. `many` puts the tenant in front."""
    who = f"{event.tenant}: " if many else ""
    match event:
        case RunStarted(steps=steps):
            return f"{event.tenant}: {count(steps, 'step')} to do" if steps else None
        case StepDone(step=step, seconds=seconds, note=note):
            extra = f", {safe(note)}" if note else ""
            return (
                f"  ok {who}{WORD[step.action]} {safe(noun(step))} ({step.address.system}, {duration(seconds)}{extra})"
            )
        case StepFailed(step=step, problem=problem):
            return f"  x  {who}{WORD[step.action]} {safe(noun(step))} ({step.address.system}): {safe(problem.summary)}"
        case StepNotTried(step=step, why=why):
            return f"  .  {who}{WORD[step.action]} {safe(noun(step))} ({step.address.system}): not tried, {safe(why)}"
        case StepWaiting(step=step, reason=reason, seconds=seconds) if seconds >= 1:
            return f"  .. {who}{safe(noun(step))}: {safe(reason)}"
        case Recovering(address=address, verb=verb, reason=reason):
            return f"  .. {who}looking up an unfinished {verb} of {safe(address)}: {safe(reason)}"
        case Stopping(running=running):
            return f"{who}stopping: {count(running, 'step')} still running; nothing new will start"
        case _:
            return None


class Board:
    """What a live display shows below the lines: how far the run is and what is running now."""

    def __init__(self) -> None:
        self.total = 0
        self.finished = 0
        self._running: dict[tuple[str, str], tuple[str, float]] = {}
        self._stopping = False

    def take(self, event: Event, now: float) -> None:
        match event:
            case RunStarted(steps=steps):
                self.total += steps
            case StepStarted(step=step):
                words = f"{DOING[step.action]} {safe(noun(step))}"
                self._running[event.tenant, step.id] = (f"{event.tenant}: {words}", now)
            case StepWaiting(step=step, reason=reason):
                key = (event.tenant, step.id)
                since = self._running.get(key, ("", now))[1]
                self._running[key] = (f"{event.tenant}: {safe(noun(step))}, {safe(reason)}", since)
            case StepDone(step=step) | StepFailed(step=step) | StepNotTried(step=step):
                self._running.pop((event.tenant, step.id), None)
                self.finished += 1
            case Stopping():
                self._stopping = True
            case _:
                pass

    def lines(self, now: float, *, most: int = 6) -> list[str]:
        """At most that many running steps, then how far the run is."""
        running = list(self._running.values())
        shown = [f"  .. {words} ({duration(now - since)})" for words, since in running[:most]]
        if len(running) > most:
            shown.append(f"  .. and {len(running) - most} more")
        if self.total:
            stopping = "   finishing what runs; nothing new will start" if self._stopping else ""
            shown.append(f"{self.finished} of {self.total} done{stopping}")
        return shown
