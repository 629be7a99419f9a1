"""Ten wrong files of different kinds, as they are met at the command line: a code, a place, a way out, no traceback."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook

from tests.acceptance.command import Desk

TOKEN = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
CONFLICT = "<<<<<<< HEAD\nplan: START\n=======\nplan: PRO\n>>>>>>> x\n"
SPEC, MENU = "tenant_specs/aurora.yaml", "tenant_specs/kb/aurora/menu.csv"


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new, 1))

    return change


def tabs(root: Path) -> None:
    path = root / SPEC
    path.write_text(path.read_text().replace("  name: Café Aurora", "\tname: Café Aurora", 1))


def twins(root: Path) -> None:
    (root / "tenant_specs" / "copy.yaml").write_text((root / SPEC).read_text())


def bomb(root: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (root / "tenant_specs" / "bomb.yaml").write_text("\n".join(["a0: &a0 [x, x, x]", *levels]) + "\n")


def ragged(root: Path) -> None:
    path = root / MENU
    path.write_text(path.read_text() + "0999,Too,many,cells,in,this,row,by,far\n")


def not_a_workbook(root: Path) -> None:
    (root / "tenant_specs/kb/nordwind/services.xlsx").write_bytes(b"PK\x03\x04 this is no spreadsheet")


def wrong_sheet(root: Path) -> None:
    book = Workbook()
    book.active.title = "Prices"
    book.active.append(["title", "price"])
    book.save(root / "tenant_specs/kb/nordwind/services.xlsx")


WRONG: dict[str, tuple[Callable[[Path], None], str]] = {
    "unknown channel": (replaced(SPEC, "  telegram:\n", "  telegran:\n"), SPEC),
    "tab": (tabs, SPEC),
    "token as text": (
        replaced(SPEC, "{secret: telegram/token}", "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"),
        SPEC,
    ),
    "duplicate key": (replaced(SPEC, "plan: START\n", "plan: START\nplan: PRO\n"), SPEC),
    "over the plan": (replaced("plans/start.yaml", "rows: 500 ", "rows: 3 "), SPEC),
    "one id twice": (twins, "tenant_specs/"),
    "bomb": (bomb, "tenant_specs/bomb.yaml"),
    "path that leaves": (replaced(SPEC, "kb/aurora/menu.csv", "../../etc/passwd.csv"), SPEC),
    "git conflict": (
        replaced(SPEC, "plan: START\n", "<<<<<<< HEAD\nplan: START\n=======\nplan: PRO\n>>>>>>> x\n"),
        SPEC,
    ),
    "broken row": (ragged, MENU),
    "no workbook": (not_a_workbook, "tenant_specs/kb/nordwind/services.xlsx"),
    "another sheet": (wrong_sheet, "tenant_specs/kb/nordwind/services.xlsx"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_told_with_its_code_and_place(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from temoctl.cli.main import main

    desk = Desk(tmp_path)
    desk.copy_examples()
    spoil, place = WRONG[name]
    spoil(desk.project)
    monkeypatch.setenv("TEMOCTL_HOME", str(tmp_path / "home"))
    code = main(["validate", "--dir", str(desk.project)])
    said = capsys.readouterr()
    text = said.out + said.err
    assert code == 5, text
    assert re.search(r"error TEMO[23][0-9]{2}: ", text), text
    assert re.search(rf"--> \S*{re.escape(place)}\S*", text), text
    assert "Traceback" not in text and "TEMO9" not in text, text
    assert TOKEN not in text, "a token must not be repeated"
