"""A tenant's life by commands: plan, apply, nothing to do, drift, repair, destroy. Real code, systems in memory."""

from __future__ import annotations

from pathlib import Path

from temoctl.model.errors import Refused
from tests.app.toy import Vendors
from tests.cli.conftest import Temoctl

ALLOW = "delete:supabase.schema,delete:supabase.seat,delete:supabase.table"


def test_from_a_file_to_a_tenant_and_back_to_nothing(temoctl: Temoctl, vendors: Vendors, tmp_path: Path) -> None:
    temoctl.ready()
    planned = temoctl.run("plan", "--all", "--detailed-exitcode")
    assert planned.code == 2, planned.err
    assert "Nothing has been changed yet." in planned.out and not vendors.objects
    applied = temoctl.run("apply", "--all", "--yes")
    assert applied.code == 0, applied.out + applied.err
    assert applied.out.index("ok platform") < applied.out.index("ok aurora")
    again = temoctl.run("plan", "--all", "--detailed-exitcode")
    assert again.code == 0 and again.out.startswith("No changes: 3 tenants")
    assert "aurora    set up" in temoctl.run("status").out

    vendors.edit("aurora/n8n.workflow.telegram-ingress", name="by hand")
    drift = temoctl.run("drift", "--all", "--detailed-exitcode")
    assert drift.code == 2 and "name" in drift.out
    assert temoctl.run("apply", "aurora", "--yes").code == 0
    assert temoctl.run("drift", "--all", "--detailed-exitcode").code == 0

    refused = temoctl.run("destroy", "aurora", "--yes")
    assert refused.code == 5 and f"--allow {ALLOW}" in refused.err
    assert temoctl.run("destroy", "platform", "--yes").code == 1
    certificate = tmp_path / "certificate.md"
    gone = temoctl.run("destroy", "aurora", "--yes", "--allow", ALLOW, "--certificate", str(certificate))
    assert gone.code == 0, gone.out + gone.err
    assert "Nothing active is left" in certificate.read_text()
    assert not any(address.startswith("aurora/") for address in vendors.objects)
    assert temoctl.run("destroy", "nordwind", "--yes", "--allow", ALLOW).code == 0
    shared = "delete:supabase.sessions,delete:supabase.bucket"
    assert temoctl.run("destroy", "platform", "--yes", "--allow", shared).code == 0
    assert not vendors.objects


def test_destroy_needs_no_spec_file(temoctl: Temoctl, vendors: Vendors) -> None:
    temoctl.ready()
    assert temoctl.run("apply", "--all", "--yes").code == 0
    (temoctl.root / "tenant_specs" / "aurora.yaml").unlink()
    left = temoctl.run("plan", "--all")
    assert left.code == 0 and "TEMO119" in left.out
    assert temoctl.run("apply", "aurora", "--yes").code == 5
    assert temoctl.run("destroy", "aurora", "--yes", "--allow", ALLOW).code == 0


def test_a_saved_plan_is_applied_once_and_only_while_it_is_fresh(temoctl: Temoctl, tmp_path: Path) -> None:
    temoctl.ready()
    assert temoctl.run("apply", "platform", "--yes").code == 0
    file = str(tmp_path / "aurora.plan")
    assert temoctl.run("plan", "aurora", "--out", file).code == 0
    applied = temoctl.run("apply", file, "--yes")
    assert applied.code == 0, applied.out + applied.err
    again = temoctl.run("apply", file, "--yes")
    assert again.code == 1 and "TEMO611" in again.out + again.err
    assert f"Make a new plan with: temoctl plan aurora --out {file}" in again.out

    spec = temoctl.root / "tenant_specs" / "aurora.yaml"
    spec.write_text(spec.read_text().replace("Coffee, cakes and tables", "Coffee and cakes"))
    assert temoctl.run("plan", "aurora", "--out", file).code == 0
    spec.write_text(spec.read_text().replace("Coffee and cakes", "Tea"))
    stale = temoctl.run("apply", file, "--yes")
    assert stale.code == 1 and "the tenant's spec was changed" in stale.out
    changed = Path(file).read_text().replace("Coffee and cakes", "Coffee and pies")
    Path(file).write_text(changed)
    assert "TEMO410" in temoctl.run("apply", file, "--yes").err


def test_one_failure_stops_only_what_needs_it(temoctl: Temoctl, vendors: Vendors) -> None:
    temoctl.ready()
    vendors.fails["credential.telegram"] = Refused("TEMO701", "n8n says no", fix="ask n8n")
    ended = temoctl.run("apply", "--all", "--yes")
    assert ended.code == 4
    assert "n8n says no" in ended.out and "not tried: needs" in ended.out
    assert ended.out.rstrip().splitlines()[-1].startswith("Go on with: temoctl apply")
    assert temoctl.run("apply", "--all", "--yes").code == 0
    assert temoctl.run("plan", "--all", "--detailed-exitcode").code == 0


def test_a_red_proof_is_not_done(temoctl: Temoctl, vendors: Vendors) -> None:
    temoctl.ready()
    vendors.red.add("bot.telegram")
    ended = temoctl.run("apply", "--all", "--yes")
    assert ended.code == 4 and "it does not work yet" in ended.out
    assert "broken: does its work: it does not" in temoctl.run("status").out


def test_an_outage_is_never_no_changes(temoctl: Temoctl, vendors: Vendors) -> None:
    temoctl.ready()
    assert temoctl.run("apply", "--all", "--yes").code == 0
    vendors.silent.add("n8n")
    seen = temoctl.run("plan", "--all")
    assert "No changes:" not in seen.out and "n8n does not answer" in seen.out
    assert seen.code == 1


def test_another_instance_is_refused(temoctl: Temoctl, vendors: Vendors) -> None:
    temoctl.ready()
    assert temoctl.run("apply", "--all", "--yes").code == 0
    vendors.instance = "two"
    refused = temoctl.run("plan", "--all")
    assert "TEMO610" in refused.err and "on record: one" in refused.err and "leads to: two" in refused.err


def test_two_tenants_with_one_bot_are_found_at_plan_time(temoctl: Temoctl) -> None:
    temoctl.ready()
    temoctl.run("secrets", "set", "nordwind", "telegram/token", stdin="111111111:AAanother-token-of-the-same-bot-000")
    seen = temoctl.run("plan", "--all")
    assert seen.code == 5
    assert "aurora and nordwind use the same account" in seen.out and "TEMO115" in seen.out


def test_a_broken_spec_stops_that_tenant_alone(temoctl: Temoctl, vendors: Vendors) -> None:
    temoctl.ready()
    spec = temoctl.root / "tenant_specs" / "nordwind.yaml"
    spec.write_text(spec.read_text().replace("plan: BUSINESS", "plan: BUSINES"))
    ended = temoctl.run("apply", "--all", "--yes")
    assert ended.code == 5
    assert any(address.startswith("aurora/") for address in vendors.objects)
    assert not any(address.startswith("nordwind/") for address in vendors.objects)


def test_managers_see_and_touch_only_their_own(temoctl: Temoctl) -> None:
    temoctl.ready()
    assert temoctl.run("apply", "--all", "--yes").code == 0
    assert temoctl.run("plan", "platform", "--as", "anna:manager").code == 1
    spec = temoctl.root / "tenant_specs" / "aurora.yaml"
    spec.write_text(spec.read_text().replace("manager: desk@temoweb.example", "manager: desk2@temoweb.example"))
    assert "TEMO116" in temoctl.run("plan", "aurora", "--as", "desk@temoweb.example").out
    planned = temoctl.run("plan", "aurora")
    assert "goes from desk@temoweb.example to desk2@temoweb.example" in planned.out
    assert temoctl.run("apply", "aurora", "--yes").code == 0
    assert "manager desk2@temoweb.example" in temoctl.run("status", "aurora").out


def test_protection_survives_the_spec(temoctl: Temoctl) -> None:
    temoctl.ready()
    spec = temoctl.root / "tenant_specs" / "aurora.yaml"
    spec.write_text(spec.read_text().replace("protect: false", "") + "\nprotect: true\n")
    assert temoctl.run("apply", "--all", "--yes").code == 0
    spec.unlink()
    refused = temoctl.run("destroy", "aurora", "--yes", "--allow", ALLOW)
    assert refused.code == 1 and "TEMO113" in refused.err
