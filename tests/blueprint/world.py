"""An example tenant, platform and plan, built without files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from temoctl.blueprint import BlueprintContext
from temoctl.model.identity import Owner
from temoctl.spec.plan_spec import PlanSpec
from temoctl.spec.platform_spec import PlatformSpec
from temoctl.spec.tenant import TenantSpec

TEMPLATES = Path(__file__).parent / "templates"
OWNER = Owner("0123456789", "acme000000000000")
PLATFORM_OWNER = Owner("0123456789", "p1atf0rm00000000")

ACME: dict[str, Any] = {
    "id": "acme",
    "company": {
        "name": "Acme Café",
        "country": "DE",
        "currency": "EUR",
        "language": "de",
        "time_zone": "Europe/Berlin",
        "contact": {"name": "The owner", "email": "owner@acme.example"},
    },
    "business": {
        "niche": "Coffee shop",
        "offer": "Coffee and cake",
        "faq": [{"question": "Open on Sunday?", "answer": "Yes, {{ from 9 }}"}],
        "tone": 'warm, says "you"',
    },
    "plan": "PRO",
    "channels": {
        "telegram": {
            "token": {"secret": "telegram/token"},
            "name": "Acme",
            "commands": [{"command": "menu", "description": "What we have"}],
        },
        "instagram": {"account": "acme"},
    },
    "knowledge_base": {
        "products": [{"name": "Catalogue", "file": "kb/menu.csv", "delimiter": ";"}],
        "services": [{"name": "Today's offers", "source": "upload"}],
    },
}

DIGESTS = {"kb/menu.csv": "ab" * 32}


def platform(**changes: Any) -> PlatformSpec:
    return PlatformSpec.model_validate(
        {
            "systems": {
                "n8n": {"url": "http://127.0.0.1:5678/api/v1"},
                "telegram": {"url": "http://127.0.0.1:8081/"},
                "supabase": {},
            },
            "shared": {"llm": {"url": "http://127.0.0.1:9/v1/", "key": {"secret": "llm/api-key"}, "model": "small"}},
            **changes,
        }
    )


def plan() -> PlanSpec:
    limits = dict.fromkeys(("channels", "knowledge_bases", "rows", "media", "crm_depth"), "unlimited")
    return PlanSpec.model_validate(
        {"id": "PRO", "price": {"EUR": 1}, "limits": {**limits, "history_days": 30}, "sla": {"first_response_hours": 2}}
    )


def tenant(**changes: Any) -> TenantSpec:
    return TenantSpec.model_validate({**ACME, **changes})


def context(owner: Owner = OWNER, **changes: Any) -> BlueprintContext:
    given: dict[str, Any] = {
        "owner": owner,
        "platform_owner": PLATFORM_OWNER,
        "platform": platform(),
        "plan": plan(),
        "secret_versions": {"telegram/token": 3, "llm/api-key": 1},
        "root": TEMPLATES,
        "templates": TEMPLATES,
        "digests": DIGESTS,
    }
    return BlueprintContext(**{**given, **changes})
