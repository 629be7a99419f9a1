"""Credentials named in platform.yaml → their values. All that are missing are told at once.

The only place that reads credentials from the environment and from files. Must not know any system.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from temoctl.app.redaction import known_secrets
from temoctl.engine.ports import Vault
from temoctl.model.diagnostic import Diagnostic, Where
from temoctl.model.errors import Refused
from temoctl.model.secret import Secret
from temoctl.spec.secret_source import SecretSource


class Credentials:
    """Resolves sources one after the other and gathers what is missing in `problems`.

    `folder` is where relative files start; `vault` and `uid` are the platform's, None before SystemData is open.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._environment = os.environ if environment is None else environment
        self.problems: list[Diagnostic] = []

    async def resolve(
        self, source: SecretSource, where: Where, what: str, *, vault: Vault | None = None, uid: str = ""
    ) -> Secret | None:
        """The value, or None after adding to `problems`. `what` says what it is for ("n8n: api_key")."""
        if source.env:
            text = self._environment.get(source.env, "")
            why = "" if text else f"the environment variable {source.env} is not set"
            fix = f"set it before you run temoctl, e.g. `export {source.env}=…`"
        elif source.file:
            text, why = self._from_file(source.file)
            fix = "write the secret, and nothing else, into that file and make it readable for you only (chmod 600)"
        else:
            text, why = await _from_vault(str(source.secret), vault, uid)
            fix = f"store it with `temoctl secrets set platform {source.secret}`"
        if why:
            self.problems.append(
                Diagnostic("TEMO105", f"a credential is missing: {what}", where=where, detail=why, fix=fix)
            )
            return None
        secret = Secret(text)
        known_secrets.learn(secret)
        return secret

    def _from_file(self, name: str) -> tuple[str, str]:
        path = Path(name).expanduser()
        path = path if path.is_absolute() else self._folder / path
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            return "", f"the file {name} can't be read ({getattr(error, 'strerror', None) or 'not UTF-8 text'})"
        if path.stat().st_mode & 0o077:
            return "", f"the file {name} can be read by other users of this computer"
        return (text, "") if text else ("", f"the file {name} is empty")


async def _from_vault(path: str, vault: Vault | None, uid: str) -> tuple[str, str]:
    if vault is None:
        return "", "this one is needed to open SystemData itself, so it can't be kept there"
    if not uid:
        return "", f"the vault of the platform has no {path} yet"
    try:
        return (await vault.get(uid, path)).reveal(), ""
    except Refused:
        return "", f"the vault of the platform has no {path} yet"
