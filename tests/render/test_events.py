"""Progress: plain lines for pipes, a short block for terminals."""

from __future__ import annotations

from temoctl.engine.events import RunStarted, StepDone, StepFailed, StepNotTried, StepStarted, StepWaiting, Stopping
from temoctl.render.events import Board, event_line
from tests.render import samples as s


def test_plain_lines() -> None:
    lines = [
        event_line(RunStarted("acme", 2)),
        event_line(StepStarted("acme", s.CREATE_BASE)),
        event_line(StepWaiting("acme", s.CREATE_BASE, "n8n asks to wait", 0.2)),
        event_line(StepWaiting("acme", s.CREATE_BASE, "n8n asks to wait 30 s", 30)),
        event_line(StepDone("acme", s.CREATE_BASE, 0.42)),
        event_line(StepFailed("acme", s.CREATE_LOGIN, s.FAILURE), many=True),
        event_line(StepNotTried("acme", s.CREATE_INGRESS, "needs Telegram login")),
        event_line(Stopping("acme", 2)),
    ]
    assert lines == [
        "acme: 2 steps to do",
        None,
        None,
        "  .. Knowledge base 2 tables: n8n asks to wait 30 s",
        "  ok create Knowledge base 2 tables (supabase, 0.4 s)",
        "  x  acme: create Telegram login (n8n): n8n limits our calls: 429 after 6 tries",
        "  .  create Telegram ingress (n8n): not tried, needs Telegram login",
        "stopping: 2 steps still running; nothing new will start",
    ]


def test_the_board_shows_what_runs_and_how_far_it_is() -> None:
    board = Board()
    board.take(RunStarted("acme", 9), 0.0)
    steps = [s.step(f"n8n.workflow.w{n}", s.Action.CREATE, "", f"Workflow {n}") for n in range(8)]
    for one in steps:
        board.take(StepStarted("acme", one), 0.0)
    board.take(StepDone("acme", steps[0], 1.0), 1.0)
    board.take(StepWaiting("acme", steps[1], "until it is published", 3), 2.0)
    lines = board.lines(12.0)
    assert lines[0] == "  .. acme: Workflow 1, until it is published (12 s)"
    assert lines[-2:] == ["  .. and 1 more", "1 of 9 done"]
    board.take(Stopping("acme", 7), 12.0)
    assert board.lines(12.0)[-1] == "1 of 9 done   finishing what runs; nothing new will start"
