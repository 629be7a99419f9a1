"""`new`: a tenant's first spec, with comments that say what each part is for. Never overwrites anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from pathlib import Path

from temoctl.app.questions import Question, answered, quoted
from temoctl.app.requests import Place
from temoctl.app.world import find_root
from temoctl.model.diagnostic import Diagnostic
from temoctl.model.errors import UserError
from temoctl.spec import load_project
from temoctl.spec.fields import TENANT_ID
from temoctl.spec.iso import COUNTRIES, CURRENCIES
from temoctl.spec.project import TENANTS


def _one_of(known: Container[str], what: str) -> Callable[[str], str]:
    def wrong(answer: str) -> str:
        return "" if answer in known else f"'{answer}' is not {what}"

    return wrong


def questions(plans: tuple[str, ...]) -> tuple[Question, ...]:
    """What is asked about a new tenant, in this order."""
    cheapest = plans[0] if plans else "START"
    return (
        Question("name", "Name of the company"),
        Question("country", "Country, two letters", "DE", _one_of(COUNTRIES, "a country code")),
        Question("currency", "Currency, three letters", "EUR", _one_of(CURRENCIES, "a currency code")),
        Question("language", "Language of the answers, like en or ru", "en"),
        Question("time_zone", "Time zone", "Europe/Berlin"),
        Question("contact", "Name of the owner, who scans codes and clicks consents"),
        Question("email", "E-mail of the owner"),
        Question("niche", "What kind of business, in one line"),
        Question("offer", "What it offers, in a sentence or two"),
        Question("plan", f"Plan ({', '.join(plans)})", cheapest, _one_of(plans, "a plan in plans/")),
    )


def plans_of(place: Place) -> tuple[str, ...]:
    """The plans of the project, cheapest first."""
    project = load_project(find_root(place), place.profile, read_files=False)
    cheapest = {name: min(plan.price.values()) for name, plan in project.plans.items()}
    return tuple(sorted(cheapest, key=lambda name: cheapest[name]))


def write_spec(place: Place, tenant: str, given: Mapping[str, str]) -> tuple[Path, tuple[Diagnostic, ...]]:
    """Write the spec; returns its path and what `validate` says about it."""
    if not re.fullmatch(TENANT_ID, tenant) or tenant in ("platform", "plans"):
        raise UserError(
            "TEMO135",
            f"'{tenant}' can't be the id of a tenant",
            fix="use 2 to 31 small letters, digits and -, beginning with a letter, e.g. coffee-corner",
        )
    answers = answered(questions(plans_of(place)), given)
    root = find_root(place)
    path = root / TENANTS / f"{tenant}.yaml"
    create(path, _spec(tenant, answers))
    project = load_project(root, place.profile, read_files=False)
    return path, tuple(one for one in project.diagnostics if one.tenant == tenant)


def create(path: Path, text: str) -> None:
    """Write a new file. Raises UserError where there is one already."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(
            "TEMO136", f"{path.name} is there already, so nothing was written", fix="edit that file, or move it away"
        ) from None
    except OSError as error:
        raise UserError(
            "TEMO130", f"{path} can't be written", detail=str(error.strerror), fix="choose another folder with --dir"
        ) from None


def _spec(tenant: str, a: Mapping[str, str]) -> str:
    q = {key: quoted(value) for key, value in a.items()}
    return f"""\
# yaml-language-server: $schema=../schema/tenant.schema.json
# One tenant. `temoctl validate` checks this file, `temoctl plan {tenant}` shows what it would do.
id: {tenant} # never changes and is never used for somebody else

company:
  name: {q["name"]}
  country: {q["country"]}
  currency: {q["currency"]}
  language: {q["language"]}
  time_zone: {q["time_zone"]}
  contact: # the owner: scans QR codes, clicks consent screens
    name: {q["contact"]}
    email: {q["email"]}

business: # what the answers are made from, beside the tables below
  niche: {q["niche"]}
  offer: {q["offer"]}
  # prices: how prices are talked about; single prices stand in the tables
  faq: []
  # faq:
  #   - question: When are you open?
  #     answer: "Monday to Friday from 8:00 to 19:00"
  tone: friendly and brief

plan: {a["plan"]}

channels: {{}}
# A Telegram bot: make it with @BotFather, take the braces away, and store its token with
# `temoctl secrets set {tenant} telegram/token` (it is never written here).
#   telegram:
#     token: {{secret: telegram/token}}
#     short_description: What we sell and when we are open.

knowledge_base: # tables that the answers may quote; CSV or XLSX, beside this file
  products: []
  # products:
  #   - name: Catalogue
  #     file: kb/{tenant}/products.csv
  services: []

protect: false # true: nothing of this tenant can be deleted
"""
