"""The whole project: who stops whom, which files may be named, what digests and profiles mean."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from temoctl.model.diagnostic import Severity
from temoctl.spec import PlatformSpec, SecretSource, load_project, system_settings
from temoctl.spec.knowledge import rows_key
from temoctl.spec.project import Project
from temoctl.spec.tenant import Base
from tests.spec.conftest import GOOD, ROOT

BORA = GOOD.replace("id: aurora", "id: bora")


def test_the_examples_are_right() -> None:
    project = load_project(ROOT)
    assert project.diagnostics == ()
    assert sorted(project.tenants) == ["aurora", "nordwind"]
    assert sorted(project.plans) == ["BUSINESS", "PRO", "START"]
    assert project.platform is not None
    assert {path: file.rows for path, file in project.knowledge.items()} == {
        "tenant_specs/kb/aurora/menu.csv": 15,
        "tenant_specs/kb/nordwind/shop.csv": 8,
        "tenant_specs/kb/nordwind/services.xlsx": 8,
    }
    assert project.tenants["aurora"].knowledge_base.products[0].file == "tenant_specs/kb/aurora/menu.csv"


def test_a_broken_spec_stops_that_tenant_alone(load: Callable[..., Project]) -> None:
    project = load(bora="id: bora\nplan: [\n")
    assert list(project.tenants) == ["aurora"]
    assert {one.tenant for one in project.errors} == {"bora"}
    assert project.problems_of("aurora") == ()
    assert project.problems_of("bora") != ()


def test_an_unreadable_spec_is_called_by_its_file(load: Callable[..., Project]) -> None:
    project = load(cora="- nothing\n")
    assert [(one.code, one.tenant) for one in project.errors] == [("TEMO218", "cora")]


def test_two_tenants_with_one_id_stop_everybody(load: Callable[..., Project]) -> None:
    project = load(copy=GOOD, bora=BORA)
    (error,) = project.errors
    assert (error.code, error.tenant) == ("TEMO228", "")
    assert str(error.where) == "tenant_specs/copy.yaml:3:5"
    assert "tenant_specs/aurora.yaml:3:5" in error.detail
    assert list(project.tenants) == ["bora"]
    assert project.problems_of("bora") == (error,)


def test_one_id_is_seen_even_when_a_copy_is_broken(load: Callable[..., Project]) -> None:
    codes = {one.code: one.tenant for one in load(copy=GOOD.replace("plan: START", "plan: START: x")).errors}
    assert codes == {"TEMO206": "aurora", "TEMO228": ""}


def test_a_broken_plan_stops_its_tenants_without_more_words(folder: Path, load: Callable[..., Project]) -> None:
    path = folder / "plans/start.yaml"
    path.write_text(path.read_text().replace("trial_days: 14", "trial_days: many"))
    project = load(bora=BORA.replace("plan: START", "plan: PRO"))
    assert [(one.code, one.tenant) for one in project.errors] == [("TEMO220", "")]
    assert list(project.tenants) == ["bora"]


def test_a_plan_in_two_files(folder: Path, load: Callable[..., Project]) -> None:
    (folder / "plans/z.yaml").write_text((folder / "plans/pro.yaml").read_text())
    (error,) = load().errors
    assert (error.code, str(error.where), error.tenant) == ("TEMO255", "plans/z.yaml:2:5", "")


def test_no_specs_are_only_noted(tmp_path: Path) -> None:
    project = load_project(tmp_path)
    assert [(one.code, one.severity) for one in project.diagnostics] == [("TEMO260", Severity.NOTE)]
    assert (project.errors, project.tenants, project.platform) == ((), {}, None)


def test_links_that_leave_the_folder_are_refused(folder: Path, load: Callable[..., Project]) -> None:
    outside = folder / "outside.csv"
    outside.write_text("a,b\n1,2\n")
    (folder / "tenant_specs/kb/aurora/linked.csv").symlink_to(outside)
    (folder / "tenant_specs/kb/out").symlink_to(folder)
    (folder / "tenant_specs/kb/inside.csv").symlink_to(folder / "tenant_specs/kb/aurora/menu.csv")
    for file, code in {
        "kb/aurora/linked.csv": ["TEMO243"],
        "kb/out/outside.csv": ["TEMO243"],
        "kb/inside.csv": [],
        "kb/../kb/aurora/menu.csv": [],
        "kb/../../outside.csv": ["TEMO242"],
    }.items():
        assert [one.code for one in load(GOOD.replace("kb/aurora/menu.csv", file)).errors] == code, file


def test_a_spec_that_is_a_link_outside_is_refused(folder: Path, load: Callable[..., Project]) -> None:
    (folder / "elsewhere.yaml").write_text(BORA)
    (folder / "tenant_specs/bora.yaml").symlink_to(folder / "elsewhere.yaml")
    project = load()
    assert [(one.code, one.tenant) for one in project.errors] == [("TEMO243", "bora")]
    assert list(project.tenants) == ["aurora"]


def test_what_isnt_a_file_is_no_surprise(folder: Path, load: Callable[..., Project]) -> None:
    os.mkfifo(folder / "tenant_specs/pipe.yaml")
    (folder / "tenant_specs/folder.yaml").mkdir()
    (folder / "tenant_specs/.hidden.yaml").write_text("broken: [")
    assert [(one.code, one.tenant) for one in load().errors] == [("TEMO200", "folder"), ("TEMO200", "pipe")]


def test_problems_of_tables_are_told_with_tenant_and_file(folder: Path, load: Callable[..., Project]) -> None:
    (folder / "tenant_specs/kb/aurora/menu.csv").write_text('sku,name\n1,"open\n')
    project = load(read_files=True)
    assert project.tenants == {}
    assert {one.tenant for one in project.errors} == {"aurora"}
    assert {one.where.file for one in project.errors if one.where} == {"tenant_specs/kb/aurora/menu.csv"}
    assert all(one.code.startswith("TEMO3") for one in project.errors)


def test_known_rows_spare_reading(folder: Path, load: Callable[..., Project]) -> None:
    project = load(read_files=False)
    (file,) = project.knowledge.values()
    base = project.tenants["aurora"].knowledge_base.products[0]
    known = {rows_key(file.digest, base): 501}
    again = load_project(folder, known_rows=known)
    assert [one.code for one in again.errors] == ["TEMO251"]
    other = Base(name="x", file="y", header=False)
    assert rows_key(file.digest, other) != rows_key(file.digest, base)


def test_the_order_of_keys_changes_no_digest(load: Callable[..., Project]) -> None:
    first = load().digests
    blocks = GOOD.split("\n\n")
    turned = "\n\n".join([blocks[0], *reversed(blocks[1:])]) + "\n"
    turned = turned.replace("country: DE\n  currency: EUR", "currency: 'EUR' # euro\n  country: DE")
    assert turned != GOOD
    again = load(turned)
    assert again.errors == ()
    assert again.digests == first
    assert load(GOOD.replace("Coffee, cakes", "Cakes, coffee")).digests != first


def test_positions_survive(load: Callable[..., Project]) -> None:
    spec = load().tenants["aurora"]
    assert str(spec.where("channels.telegram.token")) == "tenant_specs/aurora.yaml:36:12"
    assert str(spec.where("channels.telegram.commands[1].command")) == "tenant_specs/aurora.yaml:42:19"
    assert spec.where("channels.telegram.kind") == spec.where_key("channels.telegram")
    assert spec.where("knowledge_base.products[0].file").length == len("kb/aurora/menu.csv")


PLATFORM = (ROOT / "platform.yaml").read_text()


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str
    api_key: SecretSource
    webhook_url: str = ""
    timeout: float = 1.0


def test_platform_sections_are_checked_by_their_system(folder: Path, load: Callable[..., Project]) -> None:
    (folder / "platform.yaml").write_text(PLATFORM)
    platform = load().platform
    assert platform is not None
    settings, problems = system_settings(platform, "n8n", Settings)
    assert problems == []
    assert settings is not None
    assert settings.api_key.env == "TEMOCTL_N8N_API_KEY"
    assert platform.folder == folder
    assert platform.limits["telegram"] == {"concurrency": 8, "rate": 20.0, "burst": 20, "per_key": 1.0}


def test_wrong_sections_are_told_with_their_place(folder: Path, load: Callable[..., Project]) -> None:
    text = PLATFORM.replace("webhook_url:", "webhok_url:").replace("{env: TEMOCTL_N8N_API_KEY}", "hunter2")
    (folder / "platform.yaml").write_text(text)
    platform = load().platform
    assert platform is not None
    settings, problems = system_settings(platform, "n8n", Settings)
    assert settings is None
    assert {(one.code, one.suggestion, str(one.where)) for one in problems} == {
        ("TEMO239", "", "platform.yaml:12:14"),
        ("TEMO201", "webhook_url", "platform.yaml:13:5"),
    }
    assert "hunter2" not in "".join(one.snippet + repr(one) for one in problems)


@pytest.mark.parametrize(
    ("old", "new", "code", "where"),
    [
        ("  telegram:\n    url", "  Telegram:\n    url", "TEMO236", "platform.yaml:20:3"),
        ("rate: 20", "rate: -1", "TEMO224", "platform.yaml:45:36"),
        ("rate: 20", "speed: 20", "TEMO201", "platform.yaml:45:30"),
        ("concurrency: 8, rate", "concurrency: 0, rate", "TEMO224", "platform.yaml:45:27"),
        ("  dsn: {env", "  embedded: true\n  dsn: {env", "TEMO282", "platform.yaml:6:1"),
        ("    model: gpt-4o-mini\n", "", "TEMO202", "platform.yaml:30:3"),
        ("{env: TEMOCTL_LLM_API_KEY}", "hunter2", "TEMO239", "platform.yaml:32:10"),
        ("url: https://api.openai.com/v1", "url: api.openai.com", "TEMO234", "platform.yaml:31:10"),
    ],
)
def test_wrong_platform_files(
    folder: Path, load: Callable[..., Project], old: str, new: str, code: str, where: str
) -> None:
    assert old in PLATFORM
    (folder / "platform.yaml").write_text(PLATFORM.replace(old, new, 1))
    project = load()
    assert project.platform is None
    assert [(one.code, str(one.where), one.tenant) for one in project.errors] == [(code, where, "")]


def test_profiles(folder: Path, load: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "platform.staging.yaml").write_text("name: staging\n")
    staging = load(profile="staging").platform
    assert staging is not None
    assert staging.systemdata.embedded
    (missing,) = load(profile="stagng").errors
    assert (missing.code, missing.suggestion) == ("TEMO280", "staging")
    assert [one.code for one in load(profile="../x").errors] == ["TEMO281"]
    assert [one.code for one in load(profile="sandbox").errors] == ["TEMO280"]
    (folder / "world").mkdir()
    (folder / "world/platform.yaml").write_text("name: sandbox\n")
    monkeypatch.setenv("TEMOCTL_SANDBOX_DIR", str(folder / "world"))
    sandbox = load(profile="sandbox").platform
    assert sandbox is not None
    assert sandbox.name == "sandbox"


def test_defaults_of_the_platform_fill_in(folder: Path, load: Callable[..., Project]) -> None:
    without = GOOD.replace("  language: en\n", "").replace("  time_zone: Europe/Berlin\n", "")
    assert [one.code for one in load(without).errors] == ["TEMO202", "TEMO202"]
    (folder / "platform.yaml").write_text("defaults: {language: de, time_zone: Europe/Vienna, tone: dry}\n")
    spec = load(without).tenants["aurora"]
    assert (spec.company.language, spec.company.time_zone) == ("de", "Europe/Vienna")
    assert spec.business.tone == "warm and brief, first names"


def test_secret_sources() -> None:
    assert SecretSource(secret="telegram/token").vault_path == "telegram/token"
    assert SecretSource(env="BOT_TOKEN").vault_path == "env/bot_token"
    assert PlatformSpec().systemdata.embedded


def test_a_spec_called_platform_never_stops_the_platform(load: Callable[..., Project]) -> None:
    project = load(platform="- nothing\n", plans=GOOD.replace("id: aurora", "id: platform"))
    assert {one.tenant for one in project.errors} == {"platform.yaml", "plans.yaml"}
    assert project.problems_of("platform") == ()


def test_money_without_cents(folder: Path, load: Callable[..., Project]) -> None:
    path = folder / "plans/start.yaml"
    path.write_text(path.read_text().replace("  RUB: 2600.00", "  JPY: 4500\n  KWD: 9.5"))
    plan = load().plans["START"]
    assert [str(plan.cost(one)) for one in ("JPY", "KWD")] == ["+4500 JPY / month", "+9.500 KWD / month"]
