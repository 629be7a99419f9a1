"""A plan as text: canonical JSON with an HMAC-SHA256 (DECISIONS 18). Authenticated, not encrypted: it holds no secret.

Must not know files, keys' origin or the current time; whether a plan is stale is `planner.stale`'s question.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from temoctl.model.errors import Bug, Refused, UserError
from temoctl.model.plan import Plan
from temoctl.model.secret import Secret
from temoctl.model.value import Json, Unknown, canonical

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT_VERSION = 1


def encode(plan: Plan, key: bytes) -> str:
    """The plan as one line of canonical JSON. Equal plans give equal bytes. Raises Bug when a secret got inside."""
    body = tree(plan)
    document = {"format_version": FORMAT_VERSION, "hmac": _seal(body, key), "plan": body}
    return canonical(document) + "\n"


def decode(text: str, key: bytes) -> Plan:
    """Read a plan back. Raises UserError when it is no plan, Refused when it is another version's or was changed."""
    document = _document(text)
    body, seal, version = document.get("plan"), document.get("hmac"), document.get("format_version")
    if version != FORMAT_VERSION:
        raise Refused(
            "TEMO411",
            f"the plan file has format {version!r}, this temoctl reads {FORMAT_VERSION}",
            fix="make the plan again with this version of temoctl",
        )
    if not isinstance(seal, str) or not hmac.compare_digest(seal.encode(), _seal(body, key).encode()):
        raise Refused(
            "TEMO410",
            "the plan file was changed after it was made, or belongs to another installation",
            fix="make the plan again: temoctl plan --out FILE",
        )
    from pydantic import ValidationError

    try:
        return _adapter().validate_python(body)
    except ValidationError as error:
        raise _unreadable(f"{error.error_count()} parts of it have the wrong shape") from None


def tree(plan: Plan) -> Json:
    """The plan as plain JSON values, as it is written to a file."""
    body = _plain(plan, "plan")
    # Through JSON once, so that what is sealed is exactly what a reader gets back.
    return json.loads(canonical(body))


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise _unreadable("it isn't JSON") from None
    if not isinstance(document, dict) or "plan" not in document:
        raise _unreadable("it is JSON, but not a plan")
    return document


def _unreadable(why: str) -> UserError:
    return UserError("TEMO412", "this isn't a plan file", detail=why, fix="make one with: temoctl plan --out FILE")


def _seal(body: Json, key: bytes) -> str:
    return hmac.new(key, canonical(body).encode(), hashlib.sha256).hexdigest()


@cache
def _adapter() -> TypeAdapter[Plan]:
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)


def _plain(node: Any, path: str) -> Json:
    """Dataclasses, enums, sets and mappings → plain JSON. Anything else, above all a secret, is our own fault."""
    if node is None or isinstance(node, bool | int | float | str):
        return node if not isinstance(node, str) else str(node)
    if isinstance(node, Secret):
        raise Bug("TEMO415", f"a secret stands in the plan at {path}", fix="report this; the plan was not written")
    if is_dataclass(node) and not isinstance(node, type):
        return {one.name: _plain(getattr(node, one.name), f"{path}.{one.name}") for one in fields(node)}
    if isinstance(node, Mapping):
        return {str(key): _plain(one, f"{path}.{key}") for key, one in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(one, f"{path}[{index}]") for index, one in enumerate(node)]
    if isinstance(node, frozenset | set):
        return sorted(_plain(one, path) for one in node)
    if isinstance(node, Unknown):
        return repr(node)
    raise Bug("TEMO415", f"a {type(node).__name__} stands in the plan at {path}", fix="report this")
