"""The profile `sandbox`: a platform.yaml that leads to this world, and the secret files it refers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from temoctl.model.secret import Secret
from temoctl.sandbox.folder import Folder, write_private
from temoctl.sandbox.openai import MODEL

LLM_SECRET = "llm/api-key"  # noqa: S105
DATABASES = ("systemdata", "sessions", "knowledge")
"""A real n8n makes one of its own."""

_HEAD = """\
# The profile `sandbox`, written by `temoctl sandbox start`. It is written again at every start: don't edit it.
# Use it with TEMOCTL_PROFILE=sandbox or --profile sandbox.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. `settle` is the longer one: what we gave up on may still land (DECISIONS 11)."""

    timeout: float
    settle: float


PACES = {"fake": Pace(2.0, 2.5), "real": Pace(30.0, 31.0)}
"""Stand-ins answer within milliseconds; a real n8n may take seconds for its first answers."""


def write(folder: Folder, urls: Mapping[str, str], secrets: Mapping[str, Secret], pace: Pace, n8n_pace: Pace) -> None:
    """Write the file, and the secrets (by file name) it names."""
    for name, secret in secrets.items():
        if folder.secret(name) != secret.reveal():
            folder.keep_secret(name, secret.reveal())
    text = _HEAD + yaml.safe_dump(tree(urls, pace, n8n_pace), sort_keys=False)
    write_private(folder.platform, text)


def tree(urls: Mapping[str, str], pace: Pace, n8n_pace: Pace) -> dict[str, Any]:
    paced = {"timeout": pace.timeout, "settle": pace.settle}
    return {
        "name": "sandbox",
        "systemdata": {"dsn": _file("systemdata-dsn")},
        "systems": {
            "n8n": {
                "url": urls["n8n"],
                "webhook_url": urls["n8n"],
                "api_key": _file("n8n-api-key"),
                "timeout": n8n_pace.timeout,
                "settle": n8n_pace.settle,
            },
            "supabase": {
                "knowledge_dsn": _file("knowledge-dsn"),
                "sessions_dsn": _file("sessions-dsn"),
                "storage_url": urls["storage"],
                "storage_key": _file("storage-key"),
                **paced,
            },
            "telegram": {"url": urls["telegram"], **paced},
            "stripe": {
                "url": urls["stripe"],
                "api_key": _file("stripe-key"),
                "webhook_url": urls["events"],
                "success_url": "https://example.com/thank-you",
                **paced,
            },
            "mongodb": {"uri": _file("mongodb-uri"), **paced},
        },
        "shared": {"llm": {"url": urls["llm"] + "/v1", "key": {"secret": LLM_SECRET}, "model": MODEL}},
    }


def _file(name: str) -> dict[str, str]:
    return {"file": f"secrets/{name}"}
