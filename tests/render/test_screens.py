"""Golden screens at 80 columns: what people read, word by word.

`TEMOCTL_GOLDEN=write pytest tests/render` writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from rich.cells import cell_len

from temoctl.model.diagnostic import Diagnostic, Where
from temoctl.model.plan import Mode
from temoctl.planner.document import plan_document
from temoctl.render.certificate import certificate_markdown, certificate_page, certificate_tree
from temoctl.render.diagnostics import problem, problems, tree
from temoctl.render.plan import View, plan_page
from temoctl.render.result import result_page, result_tree
from tests.render import samples as s

GOLDEN = Path(__file__).parent / "golden"
VIEW = View(zone=UTC, now=s.NOW)
TABBED = Diagnostic(
    "TEMO205", "a tab", Where("a.yaml", 7, 5, 2), span="here", snippet="\tkey\t: 漢字", fix="use spaces"
)
WIDE = Diagnostic("TEMO221", "not a number", Where("a.yaml", 120, 9, 2), span="a text", snippet="  漢字名前: 価格 # x")
LONG = Diagnostic(
    "TEMO223", "too long", Where("a.yaml", 3, 131, 6), span="here", snippet="x" * 130 + "middle" + "y" * 200
)
SHEET = Diagnostic(
    "TEMO305",
    "not a number",
    Where("kb/menu.xlsx", 214, 3, sheet="Prices", column_name="price"),
    detail="it says '12,,5'",
)
EVIL = Diagnostic(
    "TEMO226", "not an id: \x1b]0;pwned\x07\x9b31m", Where("a.yaml", 1, 5, 3), snippet="id: \x1b[2J\u202eabc"
)

SCREENS: dict[str, Callable[[], str]] = {
    "plan-mixed": lambda: plan_page(s.MIXED, VIEW).plain(),
    "plan-mixed-detail": lambda: plan_page(s.MIXED, replace(VIEW, detail=True)).plain(),
    "plan-fleet": lambda: plan_page(s.FLEET, replace(VIEW, everyone=True)).plain(),
    "plan-nothing": lambda: plan_page(s.plan(s.tenant()), VIEW).plain(),
    "plan-nothing-many": lambda: plan_page(s.plan(*(s.tenant(f"t{n}") for n in range(1000))), VIEW).plain(),
    "plan-partial": lambda: plan_page(
        s.plan(s.tenant(steps=(s.CHANGE_BOT,)), partial=("--only telegram.*",)), VIEW
    ).plain(),
    "plan-saved": lambda: plan_page(s.plan(s.tenant(steps=(s.CHANGE_BOT,))), replace(VIEW, file="acme.plan")).plain(),
    "plan-in-git": lambda: plan_page(
        s.plan(s.tenant(steps=(s.CHANGE_BOT,))), replace(VIEW, revision="main, 2 h ago")
    ).plain(),
    "plan-destroy": lambda: plan_page(s.plan(s.tenant(steps=(s.DELETE_PRICES,)), mode=Mode.DESTROY), VIEW).plain(),
    "plan-new": lambda: plan_page(s.plan(s.tenant(steps=(s.CREATE_LOGIN, s.CREATE_BASE), new=True)), VIEW).plain(),
    "drift": lambda: plan_page(s.plan(s.tenant(steps=(s.EDITED,), drift=(s.DRIFTED,)), mode=Mode.DRIFT), VIEW).plain(),
    "drift-none": lambda: plan_page(s.plan(s.tenant(), mode=Mode.DRIFT), VIEW).plain(),
    "result-stopped": lambda: result_page((s.STOPPED,), mode=Mode.APPLY, seconds=38).plain(),
    "result-unknown": lambda: result_page((s.UNKNOWN,), mode=Mode.APPLY, seconds=38, again="acme.plan").plain(),
    "result-red": lambda: result_page((s.RED,), mode=Mode.APPLY, seconds=2.5).plain(),
    "result-green": lambda: result_page((s.GREEN,), mode=Mode.APPLY, seconds=125).plain(),
    "result-many": lambda: result_page(
        (s.STOPPED, replace(s.GREEN, tenant="bloom")), mode=Mode.APPLY, seconds=4
    ).plain(),
    "certificate": lambda: certificate_page(s.CERTIFICATE).plain(),
    "certificate-markdown": lambda: certificate_markdown(s.CERTIFICATE),
    "problems": lambda: problems(s.SEVERITIES).plain(),
    "problem-tab": lambda: problem(TABBED).plain(),
    "problem-wide": lambda: problem(WIDE).plain(),
    "problem-long": lambda: problem(LONG).plain(),
    "problem-sheet": lambda: problem(SHEET).plain(),
    "problem-evil": lambda: problem(EVIL).plain(),
    "plan-json": lambda: _json(plan_document(s.MIXED)),
    "result-json": lambda: _json(plan_document(s.MIXED) | {"result": result_tree((s.STOPPED,))}),
    "certificate-json": lambda: _json(certificate_tree(s.CERTIFICATE)),
    "problem-json": lambda: _json(tree(s.BROKEN)),
}


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", SCREENS)
def test_golden(name: str) -> None:
    shown = SCREENS[name]()
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("TEMOCTL_GOLDEN") == "write":
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in SCREENS if "json" not in name and "markdown" not in name])
def test_screens_fit_eighty_columns_and_obey_nobody(name: str) -> None:
    for line in SCREENS[name]().splitlines():
        assert line.isprintable(), line
        wide = cell_len(line) > 80
        assert not wide or "temoctl " in line or "--detail" in line or "detail" in name, line


def test_nothing_to_say_is_one_line() -> None:
    for name in ("plan-nothing", "plan-nothing-many", "drift-none"):
        assert SCREENS[name]().count("\n") == 1


def test_no_meaning_by_colour_alone() -> None:
    """Every step's row says its verb in words."""
    shown = SCREENS["plan-mixed"]()
    for verb in ("create", "change", "replace", "delete", "wait"):
        assert f" {verb} " in shown


def test_every_golden_is_used() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(SCREENS)
