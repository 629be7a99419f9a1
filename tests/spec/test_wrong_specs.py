"""Specs that are YAML but wrong: one change to a good spec each, with code, place and suggestion."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from temoctl.spec.project import Project
from tests.spec.conftest import GOOD, place


class Wrong(NamedTuple):
    """`old` becomes `new`; the problem is expected where `at` stands (default: the last word of `new`)."""

    old: str
    new: str
    code: str
    at: str
    suggestion: str = ""


TELEGRAM = "    token: {secret: telegram/token}\n"
WRONG = [
    Wrong("  telegram:\n", "  telegramm:\n", "TEMO203", "telegramm", "telegram"),
    Wrong(TELEGRAM, "    kind: telegrm\n" + TELEGRAM, "TEMO203", "telegrm", "telegram"),
    Wrong("  telegram:\n", "  Telegram Bot:\n    kind: telegram\n", "TEMO235", "Telegram Bot:", "telegram-bot"),
    Wrong("  telegram:\n", "  tеlegram:\n", "TEMO227", "tеlegram:", "telegram"),
    Wrong("short_description", "shortdescription", "TEMO201", "shortdescription", "short_description"),
    Wrong("retention:", "retentoin:", "TEMO201", "retentoin", "retention"),
    Wrong("retention:", "rеtention:", "TEMO227", "rеtention:", "retention"),
    Wrong("  currency: EUR\n", "", "TEMO202", "company:"),
    Wrong("  currency: EUR\n", "  currency:\n", "TEMO202", "currency:\n"),
    Wrong("    name: The owner\n", "", "TEMO202", "contact:"),
    Wrong("id: aurora\n", "id: аurora\n", "TEMO227", "аurora", "aurora"),
    Wrong("id: aurora\n", "id: Café Aurora\n", "TEMO226", "Café Aurora\n\n", "cafe-aurora"),
    Wrong("id: aurora\n", "id: platform\n", "TEMO229", "platform"),
    Wrong("id: aurora\n", "id: 2000\n", "TEMO222", "2000", '"2000"'),
    Wrong("country: DE", "country: Germany", "TEMO230", "Germany", "DE"),
    Wrong("country: DE", "country: de", "TEMO230", "de\n  currency", "DE"),
    Wrong("country: DE", "country: UK", "TEMO230", "UK", "GB"),
    Wrong("currency: EUR", "currency: euro", "TEMO231", "euro", "EUR"),
    Wrong("currency: EUR", "currency: GBP", "TEMO253", "GBP"),
    Wrong("language: en", "language: EN_us", "TEMO232", "EN_us", "en-US"),
    Wrong("Europe/Berlin", "Berlin", "TEMO233", "Berlin\n  contact", "Europe/Berlin"),
    Wrong("Europe/Berlin", "Europe/Berln", "TEMO233", "Europe/Berln", "Europe/Berlin"),
    Wrong("owner@aurora.example", "owner at aurora", "TEMO234", "owner at"),
    Wrong('"+49 30 5550 1234"', "030 555", "TEMO234", "030 555"),
    Wrong("  name: Café Aurora\n  country", "  name: 1984\n  country", "TEMO222", "1984", '"1984"'),
    Wrong("  name: Café Aurora\n  country", "  name: true\n  country", "TEMO222", "true", '"true"'),
    Wrong("tone: warm and brief, first names", "tone: {tone}", "TEMO207", "{tone}"),
    Wrong("tone: warm and brief, first names", "tone: [warm, brief]", "TEMO220", "[warm"),
    Wrong("  history_days: 14\n", "  history_days: soon\n", "TEMO220", "soon"),
    Wrong("  history_days: 14\n", "  history_days: 14.5\n", "TEMO220", "14.5"),
    Wrong("  history_days: 14\n", "  history_days: 0\n", "TEMO224", "0\n"),
    Wrong("  history_days: 14\n", "  history_days: 14\nprotect: yes\n", "TEMO221", "yes\n", "true"),
    Wrong("{command: menu,", "{command: /Menu,", "TEMO236", "/Menu", "menu"),
    Wrong("{command: hours,", "{command: menu,", "TEMO236", "telegram:\n"),
    Wrong("Coffee, cakes and tables in Berlin.", "x" * 121, "TEMO223", "x" * 121),
    Wrong("name: Café Aurora\n    short", 'name: ""\n    short', "TEMO223", '""'),
    Wrong("plan: START", "plan: STRAT", "TEMO250", "STRAT", "START"),
    Wrong("plan: START", "plan: start", "TEMO236", "start\n"),
    Wrong("      file: kb/aurora/menu.csv\n", "", "TEMO240", "name: Catalogue"),
    Wrong("file: kb/aurora/menu.csv", "source: upload\n      file: x.csv", "TEMO240", "name: Catalogue"),
    Wrong("kb/aurora/menu.csv", "kb/aurora/menue.csv", "TEMO241", "kb/aurora/menue", "kb/aurora/menu.csv"),
    Wrong("kb/aurora/menu.csv", "../plans/start.yaml", "TEMO242", "../plans"),
    Wrong("kb/aurora/menu.csv", "/etc/passwd", "TEMO242", "/etc"),
    Wrong("kb/aurora/menu.csv", '"C:\\\\menu.csv"', "TEMO242", '"C:'),
    Wrong("kb/aurora/menu.csv", "kb/aurora", "TEMO244", "kb/aurora\n"),
    Wrong("{sku: text}", "{sku: txt}", "TEMO225", "txt", "text"),
    Wrong("    - name: Catalogue\n", "    - name: ???\n", "TEMO237", "name: ???"),
    Wrong(
        "    - name: Catalogue\n",
        "    - {name: catalogue, source: upload}\n    - name: Catalogue!\n",
        "TEMO237",
        "Catalogue!",
    ),
    Wrong("{secret: telegram/token}", "{sekret: telegram/token}", "TEMO201", "sekret", "secret"),
    Wrong("{secret: telegram/token}", "{secret: a/b, env: C}", "TEMO238", "{secret: a/b"),
    Wrong("{secret: telegram/token}", "{}", "TEMO238", "{}"),
    Wrong("{secret: telegram/token}", "{secret: Telegram Token}", "TEMO238", "{secret: Tele"),
    Wrong("{secret: telegram/token}", "{secret: supabase/x}", "TEMO238", "{secret: supa"),
    Wrong("{secret: telegram/token}", "{env: BOT-TOKEN}", "TEMO238", "{env"),
    Wrong("{secret: telegram/token}", "{file: token.txt}", "TEMO238", "{file"),
    Wrong("{secret: telegram/token}", "hunter2", "TEMO239", "hunter2"),
    Wrong("{secret: telegram/token}", "2222", "TEMO220", "2222"),
    Wrong(
        "channels:\n",
        "channels:\n  tiktok:\n    links: [{name: bio, text: hello}]\n",
        "TEMO225",
        "tiktok",
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.code}-{wrong.new.strip()[:30]}")
def test_code_place_and_suggestion(load: Callable[..., Project], wrong: Wrong) -> None:
    assert wrong.old in GOOD
    text = GOOD.replace(wrong.old, wrong.new, 1)
    project = load(text)
    assert project.tenants == {}
    found = [one for one in project.errors if one.code == wrong.code]
    assert found, [(one.code, str(one.where), one.summary) for one in project.diagnostics]
    first = found[0]
    assert first.where is not None
    assert (first.where.line, first.where.column) == place(text, wrong.at)
    assert first.suggestion == wrong.suggestion
    assert first.tenant == "aurora" or wrong.old.startswith("id:")
    assert first.where.file == "tenant_specs/aurora.yaml"


def test_everything_is_told_at_once(load: Callable[..., Project]) -> None:
    text = GOOD.replace("country: DE", "country: Germany").replace("plan: START\n", "")
    text = text.replace("{command: menu,", "{command: Menu,").replace("retention:", "protcet: true\nretention:")
    codes = [one.code for one in load(text).errors]
    assert codes == ["TEMO202", "TEMO230", "TEMO236", "TEMO201"]


def test_a_thousand_problems_are_told_as_a_hundred(load: Callable[..., Project]) -> None:
    project = load(GOOD + "".join(f"x{n}: 1\n" for n in range(1000)))
    assert len(project.errors) == 101
    assert any(one.code == "TEMO261" and "900" in one.summary for one in project.errors)


def test_no_wording_of_pydantic_reaches_a_person(load: Callable[..., Project]) -> None:
    for wrong in WRONG:
        for one in load(GOOD.replace(wrong.old, wrong.new, 1)).diagnostics:
            told = " ".join((one.summary, one.detail, one.span, one.fix))
            assert "Input should" not in told
            assert "pydantic" not in told
            assert "Extra inputs" not in told
            assert one.code.startswith("TEMO2")


def test_plan_and_tables_are_checked_while_other_parts_are_wrong(load: Callable[..., Project]) -> None:
    text = GOOD.replace("country: DE", "country: Germany").replace("plan: START", "plan: STRAT")
    text = text.replace("menu.csv", "menue.csv").replace(
        "  products:\n", "  products:\n    - {name: x, source: upload}\n"
    )
    text = text.replace("- name: Catalogue", "- name: X!")
    found = [(one.code, one.where.line if one.where else 0, one.tenant) for one in load(text).errors]
    assert found == [
        ("TEMO230", 7, "aurora"),
        ("TEMO250", 31, "aurora"),
        ("TEMO237", 48, "aurora"),
        ("TEMO241", 49, "aurora"),
    ]
