"""What a simulated agency writes: the state of its project as plain values, and the files that come of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

PLATFORM: dict[str, Any] = {
    "name": "sim",
    "systemdata": {"embedded": True},
    "systems": {
        "n8n": {"url": "http://n8n.test", "api_key": {"env": "N8N_KEY"}, "timeout": 5.0, "settle": 10.0},
        "supabase": {
            "knowledge_dsn": {"env": "DSN"},
            "sessions_dsn": {"env": "DSN"},
            "storage_url": "http://storage.test/storage/v1",
            "storage_key": {"env": "STORAGE_KEY"},
            "timeout": 5.0,
            "settle": 10.0,
        },
        "telegram": {"url": "http://telegram.test", "timeout": 5.0, "settle": 10.0},
    },
    "shared": {"llm": {"url": "http://llm.test/v1", "key": {"secret": "llm/api-key"}, "model": "sim"}},
}
PLAN: dict[str, Any] = {
    "id": "START",
    "title": "Start",
    "description": "One of each.",
    "price": {"EUR": 29.0},
    "interval": "month",
    "trial_days": 14,
    "limits": {
        "channels": 3,
        "knowledge_bases": 4,
        "rows": 500,
        "media": 50,
        "history_days": 14,
        "crm_depth": 5,
    },
    "features": {"comment_replies": False, "follow_up": False, "analytics": False, "integrations": False},
    "sla": {"first_response_hours": 48, "support": "email"},
}


@dataclass(frozen=True)
class Wish:
    """One tenant as its spec asks. `bases` maps (group, name) to the rows of its file."""

    id: str
    plan: str = "START"
    tone: str = "warm"
    description: str = "Ask us anything."
    channels: tuple[str, ...] = ("telegram",)
    bases: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def tree(self) -> dict[str, Any]:
        groups: dict[str, list[dict[str, str]]] = {}
        for group, name in sorted(self.bases):
            groups.setdefault(group, []).append({"name": name, "file": self.file(group, name)})
        return {
            "id": self.id,
            "company": {
                "name": self.id.title(),
                "country": "DE",
                "currency": "EUR",
                "language": "en",
                "time_zone": "Europe/Berlin",
                "contact": {"name": "Lena", "email": f"lena@{self.id}.example"},
            },
            "business": {"niche": "coffee", "offer": "Coffee and cakes.", "tone": self.tone},
            "plan": self.plan,
            "channels": {
                name: {"kind": "telegram", "token": {"secret": f"{name}/token"}, "description": self.description}
                for name in self.channels
            },
            "knowledge_base": groups,
        }

    def file(self, group: str, name: str) -> str:
        return f"kb/{self.id}/{group}-{name.lower()}.csv"

    def with_base(self, group: str, name: str, rows: tuple[str, ...] | None) -> Wish:
        bases = {key: value for key, value in self.bases.items() if key != (group, name)}
        return replace(self, bases=bases if rows is None else {**bases, (group, name): rows})


def write_project(root: Path) -> None:
    """The parts that no tenant changes."""
    (root / "tenant_specs").mkdir(parents=True, exist_ok=True)
    (root / "plans").mkdir(exist_ok=True)
    (root / "platform.yaml").write_text(yaml.safe_dump(PLATFORM, sort_keys=False))
    for name in ("START", "BUSINESS"):
        plan = {**PLAN, "id": name, "title": name.title()}
        (root / "plans" / f"{name}.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))


def write_wish(root: Path, wish: Wish, *, backwards: bool = False) -> None:
    """A tenant's spec and files. `backwards` writes every mapping's keys the other way round."""
    folder = root / "tenant_specs"
    for (group, name), rows in wish.bases.items():
        path = folder / wish.file(group, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(("sku,title,price", *rows)) + "\n")
    tree = _backwards(wish.tree()) if backwards else wish.tree()
    (folder / f"{wish.id}.yaml").write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


def _backwards(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _backwards(tree[key]) for key in reversed(tree)}
    return [_backwards(one) for one in tree] if isinstance(tree, list) else tree
