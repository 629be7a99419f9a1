"""`init`: a project's first files: platform.yaml, plans, the folder for specs, schemas. Never overwrites anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from temoctl import assets
from temoctl.app.new import create
from temoctl.app.questions import Question, answered, quoted
from temoctl.app.requests import Place
from temoctl.model.errors import UserError
from temoctl.spec.project import PLANS, TENANTS, platform_path
from temoctl.spec.schema import SCHEMA_KINDS, schema_text


def _address(answer: str) -> str:
    return "" if re.match(r"https?://[^\s/]+", answer) else "not a web address; write it like https://n8n.example.com"


QUESTIONS = (
    Question("n8n", "Address of n8n", wrong=_address),
    Question("storage", "Address of Supabase Storage (https://REF.supabase.co/storage/v1)", wrong=_address),
    Question("llm", "Address of the language model (OpenAI-compatible)", "https://api.openai.com/v1", _address),
    Question("model", "Its model", "gpt-4o-mini"),
)


def write_project(place: Place, given: Mapping[str, str]) -> list[Path]:
    """Write the files and return them."""
    root = Path(place.root).expanduser()
    path = platform_path(root, place.profile)
    if path.exists():
        raise UserError(
            "TEMO136", f"{path.name} is there already, so nothing was written", fix="edit that file, or move it away"
        )
    answers = answered(QUESTIONS, given)
    create(path, _platform(answers))
    written = [path]
    for source in sorted(assets.plans().glob("*.yaml")):
        text = source.read_text(encoding="utf-8").replace("../docs/schema/", "../schema/")
        written += _new(root / PLANS / source.name, text)
    for kind in SCHEMA_KINDS:
        written += _new(root / "schema" / f"{kind}.schema.json", schema_text(kind))
    (root / TENANTS).mkdir(exist_ok=True)
    return written


def _new(path: Path, text: str) -> list[Path]:
    """What is there already stays as it is."""
    if path.exists():
        return []
    create(path, text)
    return [path]


def _platform(a: Mapping[str, str]) -> str:
    q = {key: quoted(value) for key, value in a.items()}
    return f"""\
# yaml-language-server: $schema=schema/platform.schema.json
# What all tenants share. No secret stands here: each is named by where it is found,
#   {{env: NAME}} an environment variable, {{file: path}} a file (chmod 600), {{secret: path}} temoctl's own vault.
# `temoctl doctor` reaches everything named here and says what is missing.
name: production

# Where temoctl keeps what it knows: a PostgreSQL that everybody who applies can reach.
systemdata:
  dsn: {{env: TEMOCTL_SYSTEMDATA_DSN}}

systems:
  n8n:
    url: {q["n8n"]}
    api_key: {{env: N8N_API_KEY}}
    # webhook_url: where Telegram reaches n8n, when that is another address
  supabase:
    knowledge_dsn: {{env: KNOWLEDGE_DSN}} # database of the knowledge bases
    sessions_dsn: {{env: SESSIONS_DSN}} # database of the conversations
    storage_url: {q["storage"]}
    storage_key: {{env: SUPABASE_SECRET_KEY}}
  telegram: {{}}

shared:
  llm:
    url: {q["llm"]}
    key: {{secret: llm/api-key}} # temoctl secrets set platform llm/api-key
    model: {q["model"]}

# limits: how hard a system may be driven, e.g.
#   n8n: {{concurrency: 4, rate: 10}}
"""
