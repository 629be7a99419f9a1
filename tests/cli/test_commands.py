"""Every command by its words: help, documentation, exit codes, JSON, secrets, files, faults of our own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from temoctl import __version__
from temoctl.app.requests import ExitCode
from temoctl.cli.main import build, main
from temoctl.model.errors import Bug, Conflict, LeaseLost, Locked, Problems, Refused, Retryable, Unavailable, UserError
from tests.app.toy import Vendors
from tests.cli.conftest import Temoctl

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "111111111:AAaurora-token-for-tests-000000000"


def commands(tree: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    tree = tree or typer.main.get_command(build())
    for name, one in getattr(tree, "commands", {}).items():
        if getattr(one, "commands", None):
            yield from commands(one, (*path, name))
        else:
            yield (*path, name), one


ALL = dict(commands())


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Usage: temoctl" in shown and len(shown.splitlines()) > 5
    options = {name for one in ALL[words].params for name in one.opts}
    assert {"--dir", "--profile", "--as", "--json", "--detail"} <= options
    assert all(getattr(one, "help", None) for one in ALL[words].params), "an option without words"


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    missing = [
        words
        for words in ALL
        if not re.search(rf"`temoctl {' '.join(words[:2] if words[:1] == ('sandbox',) else words)}\b", text)
    ]
    assert not missing
    for one in ExitCode:
        assert f"| {one.value} |" in text


def test_no_arguments_show_help_and_are_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 5
    assert "Usage: temoctl" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["nope"], ["plan", "--nope"], ["plan"], ["plan", "a", "--all"], ["apply", "--parallelism", "x"], ["state"]],
)
def test_usage_errors_are_five_and_never_two(words: list[str], temoctl: Temoctl) -> None:
    answer = temoctl.run(*words)
    assert answer.code == 5
    assert "Traceback" not in answer.err


def test_an_unknown_tenant_is_named_with_the_one_meant(temoctl: Temoctl) -> None:
    answer = temoctl.run("plan", "auroa")
    assert answer.code == 5 and "did you mean aurora" in answer.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("TEMO100", "x"), 5),
        (Refused("TEMO100", "x"), 1),
        (Conflict("TEMO100", "x"), 1),
        (Retryable("TEMO100", "x"), 1),
        (Unavailable("TEMO100", "x"), 1),
        (LeaseLost("TEMO100", "x"), 1),
        (Locked("TEMO100", "x"), 6),
        (Bug("TEMO100", "x"), 1),
        (Problems([UserError("TEMO100", "x").diagnostic()]), 5),
        (ExceptionGroup("several", [ValueError("y"), Locked("TEMO100", "x")]), 6),
        (KeyboardInterrupt(), 1),
        (ZeroDivisionError("never seen"), 1),
        (BrokenPipeError(), 0),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, BaseException) else str(one),
)
def test_the_table_of_exit_codes(
    error: BaseException, code: int, temoctl: Temoctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    from temoctl.app import explain

    def fail() -> dict[str, Path]:
        raise error

    monkeypatch.setattr(explain, "pages", fail)
    monkeypatch.setattr("temoctl.cli.main._silence", lambda: None)
    answer = temoctl.run("explain")
    assert answer.code == code
    assert "Traceback" not in answer.out + answer.err
    if isinstance(error, KeyboardInterrupt):
        assert answer.err.strip().count("\n") == 0 and answer.err.strip().startswith("Stopped by you.")


def test_our_own_mistake_leaves_a_report_without_secrets(temoctl: Temoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> int:
        raise ZeroDivisionError(f"while holding {TOKEN}")

    monkeypatch.setattr("temoctl.app.secrets.set_secret", fail)
    answer = temoctl.run("secrets", "set", "aurora", "telegram/token", stdin=TOKEN)
    assert answer.code == 1 and "TEMO900" in answer.err and TOKEN not in answer.err
    report = next(Path(os.environ["TEMOCTL_HOME"]).glob("reports/*.txt"))
    assert "ZeroDivisionError" in report.read_text() and TOKEN not in report.read_text()
    assert report.stat().st_mode & 0o077 == 0


def test_json_is_one_document_also_for_errors(temoctl: Temoctl, vendors: Vendors) -> None:
    broken = temoctl.run("plan", "nobody", "--json")
    assert broken.code == 5 and broken.json["errors"][0]["code"] == "TEMO101"
    temoctl.ready()
    planned = temoctl.run("plan", "--all", "--json").json
    assert {"format_version", "plan_id", "tenants", "steps", "summary"} <= set(planned)
    assert {"address", "system", "action", "because", "impact", "reversible", "spec"} <= set(planned["steps"][0])
    assert {"create", "update", "replace", "delete", "adopt", "forget", "ask", "unchanged"} <= set(planned["summary"])
    applied = temoctl.run("apply", "--all", "--yes", "--json").json
    assert {"done", "failed", "not_tried"} <= set(applied["result"])
    assert len(applied["result"]["done"]) == len(applied["steps"])
    again = temoctl.run("apply", "--all", "--yes", "--json").json
    assert again["result"]["done"] == [] and again["steps"] == []
    for words in (
        ("status",),
        ("state", "list"),
        ("state", "check"),
        ("state", "show", "aurora/n8n.workflow.telegram-ingress"),
        ("history",),
        ("history", "--audit"),
        ("secrets", "list", "aurora"),
        ("drift", "--all"),
        ("validate",),
        ("schema",),
        ("explain",),
        ("explain", "100"),
        ("completion", "bash"),
        ("doctor",),
        ("destroy", "aurora", "--yes", "--allow", "delete:supabase.schema,delete:supabase.seat,delete:supabase.table"),
    ):
        answer = temoctl.run(*words, "--json")
        assert answer.code == 0, (words, answer.out, answer.err)
        assert isinstance(json.loads(answer.out), dict)


def test_apply_without_a_person_needs_yes(temoctl: Temoctl, vendors: Vendors) -> None:
    temoctl.ready()
    answer = temoctl.run("apply", "--all")
    assert answer.code == 5 and "temoctl apply --all --yes" in answer.err
    assert not vendors.objects


def test_a_plan_of_a_part_is_only_shown(temoctl: Temoctl, tmp_path: Path) -> None:
    temoctl.ready()
    file = str(tmp_path / "part.plan")
    shown = temoctl.run("plan", "--all", "--only", "*/n8n.*", "--out", file)
    assert shown.code == 0 and "telegram.bot" not in shown.out and "can be read, not applied" in shown.out
    answer = temoctl.run("apply", file, "--yes")
    assert answer.code == 5 and "TEMO111" in answer.err


def test_secrets_come_from_files_pipes_and_named_variables(
    temoctl: Temoctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    assert "version 1" in temoctl.run("secrets", "set", "aurora", "telegram/token", "--file", str(file)).out
    assert "version 2" in temoctl.run("secrets", "set", "aurora", "telegram/token", stdin=TOKEN + "x").out
    monkeypatch.setenv("AURORA_TOKEN", TOKEN)
    assert "env/aurora_token" in temoctl.run("secrets", "set", "aurora", "--from-env", "AURORA_TOKEN").out
    listed = temoctl.run("secrets", "list", "aurora").out
    assert "telegram/token" in listed and TOKEN not in listed
    assert temoctl.run("secrets", "set", "aurora", "telegram/token", stdin="\n").code == 5
    assert temoctl.run("secrets", "set", "aurora").code == 5
    assert temoctl.run("secrets", "rm", "aurora", "telegram/token").code == 5
    assert "2 versions" in temoctl.run("secrets", "rm", "aurora", "telegram/token", "--yes").out
    assert temoctl.run("secrets", "rm", "aurora", "telegram/token", "--yes").code == 5


def test_state_is_looked_at_and_mended(temoctl: Temoctl) -> None:
    temoctl.ready()
    assert temoctl.run("apply", "--all", "--yes").code == 0
    address = "aurora/n8n.workflow.telegram-ingress"
    assert address in temoctl.run("state", "list", "aurora").out or "aurora/n8n" in temoctl.run("state", "list").out
    shown = temoctl.run("state", "show", address)
    assert shown.json["address"] == address
    assert "did you mean" in temoctl.run("state", "show", address + "s").err
    assert temoctl.run("state", "show", "nonsense").code == 5
    assert temoctl.run("state", "check").out == "The record is sound.\n"
    assert temoctl.run("state", "repair", "--yes").out == "Nothing to repair.\n"
    assert temoctl.run("state", "unlock", "aurora").out == "aurora is not locked.\n"
    assert temoctl.run("state", "forget", address, "--yes").code == 0
    assert "adopt" in temoctl.run("plan", "aurora").out
    assert "apply" in temoctl.run("history", "aurora").out


def test_a_locked_tenant_is_six(temoctl: Temoctl, vendors: Vendors) -> None:
    temoctl.ready()
    assert temoctl.run("apply", "platform", "--yes").code == 0

    async def lock() -> None:
        from temoctl.engine.clock import SystemClock
        from temoctl.engine.ids import RandomIds
        from temoctl.systemdata.memory import MemoryStore
        from temoctl.systemdata.ports import Principal

        store = MemoryStore(vendors.state, Principal("boris"), clock=SystemClock(), ids=RandomIds())
        uid = (await store.load(["aurora"]))["aurora"].uid
        await store.take_lease(uid, holder="boris@elsewhere:1", operation="apply", ttl=600)

    import asyncio

    asyncio.run(lock())
    answer = temoctl.run("apply", "aurora", "--yes")
    assert answer.code == 6, answer.out + answer.err
    assert "boris@elsewhere:1 works on it" in temoctl.run("status", "aurora").out
    assert temoctl.run("state", "unlock", "aurora").code == 6
    assert "Unlocked" in temoctl.run("state", "unlock", "aurora", "--steal", "--yes").out
    assert temoctl.run("apply", "aurora", "--yes").code == 0


def test_init_and_new_write_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(tmp_path)
    answers = ["n8n=https://n8n.example.com", "storage=https://abc.supabase.co/storage/v1"]
    flags = [word for pair in answers for word in ("--answer", pair)]
    assert main(["init", "--dir", root]) == 5
    assert main(["init", "--dir", root, *flags]) == 0
    assert main(["init", "--dir", root, *flags]) == 5
    assert main(["validate", "--dir", root]) == 0
    given = {
        "name": "Кафе «У дома»: лучшее",
        "contact": "Front # desk",
        "email": "anna@example.com",
        "niche": "coffee: and cakes",
        "offer": "Coffee {and} cakes",
        "plan": "START",
    }
    words = [word for key, value in given.items() for word in ("--answer", f"{key}={value}")]
    assert main(["new", "corner", "--dir", root]) == 5
    assert main(["new", "corner", "--dir", root, *words]) == 0
    assert main(["new", "corner", "--dir", root, *words]) == 5
    assert main(["new", "Corner!", "--dir", root, *words]) == 5
    capsys.readouterr()
    assert main(["validate", "--dir", root]) == 0
    assert "Valid: 1 tenant" in capsys.readouterr().out


def test_validate_names_every_problem(temoctl: Temoctl) -> None:
    spec = temoctl.root / "tenant_specs" / "aurora.yaml"
    spec.write_text(spec.read_text().replace("country: DE", "country: XX").replace("plan: START", "plan: STRAT"))
    answer = temoctl.run("validate")
    assert answer.code == 5 and answer.out.count("error TEMO") >= 1
    assert temoctl.run("validate", "nordwind").code == 0
    (temoctl.root / "platform.yaml").write_text("systems:\n  n8m: {}\n")
    assert "did you mean `n8n`" in temoctl.run("validate", "nordwind").out


def test_version_and_completion(temoctl: Temoctl) -> None:
    assert temoctl.run("--version").out == f"temoctl {__version__}\n"
    assert "_TEMOCTL_COMPLETE" in temoctl.run("completion", "bash").out
    assert temoctl.run("completion", "tcsh").code == 5
    environment = {
        **os.environ,
        "_TEMOCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": "temoctl plan au",
        "COMP_CWORD": "2",
        "TEMOCTL_DIR": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", "from temoctl.cli.main import run; run()"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["aurora"]


def test_help_imports_nothing_heavy() -> None:
    """`temoctl --help` must answer at once: no database driver, no HTTP, no models."""
    code = (
        "import sys; from temoctl.cli.main import main; main(['--help']);"
        "heavy = {'httpx', 'psycopg', 'pydantic', 'rich', 'yaml', 'jinja2', 'supabase', 'asyncio'} & set(sys.modules);"
        "sys.exit(','.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
