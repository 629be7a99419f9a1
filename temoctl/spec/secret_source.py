"""References to secrets: the only way a secret may be named in a spec. Must not know how one is read."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import ConfigDict, Field, Strict, model_validator

from temoctl.spec.fields import SpecModel, wrong
from temoctl.spec.tokens import looks_random, search

_PATH = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}(?:/[a-z0-9][a-z0-9._-]{0,59}){0,3}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_RESERVED = ("env/", "supabase/")
_FORMS = ("{secret: path}", "{env: NAME}")

RefText = Annotated[str, Strict(), Field(min_length=1, max_length=400)]


def _without_file(schema: dict[str, Any]) -> None:
    schema["properties"].pop("file", None)


class SecretSource(SpecModel):
    """Exactly one of `secret` (a path in temoctl's vault), `env` (an environment variable) or `file`.

    Relative `file` paths start from the folder of the platform file.
    """

    secret: RefText | None = Field(default=None, description="Path in temoctl's vault, like telegram/token.")
    env: RefText | None = Field(default=None, description="Name of an environment variable.")
    file: RefText | None = Field(default=None, description="File that holds the secret and nothing else.")

    @property
    def vault_path(self) -> str:
        """Where the value lies in the vault: the path, or `env/<name>` for a variable read into it once."""
        if self.secret:
            return self.secret
        return f"env/{self.env.lower()}" if self.env else ""

    @model_validator(mode="before")
    @classmethod
    def _is_reference(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise wrong(
                "TEMO239",
                "a secret stands here as text",
                span="a reference belongs here",
                fix="Write {secret: path} here and store the value with `temoctl secrets set`. If the text was ever "
                "committed or sent to anybody, treat it as stolen and get a new one.",
                allowed=_FORMS,
            )
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretSource:
        given = [name for name in ("secret", "env", "file") if getattr(self, name) is not None]
        if len(given) != 1:
            said = "names several places" if given else "names no place"
            raise wrong("TEMO238", f"the secret reference {said}", fix="Give exactly one.", allowed=_FORMS)
        self._check_text(str(getattr(self, given[0])), given[0])
        return self

    @staticmethod
    def _check_text(text: str, form: str) -> None:
        if next(search(text), None) or (form == "secret" and looks_random(text)):
            raise wrong(
                "TEMO239",
                "this looks like the secret itself, not like a reference to it",
                fix="Choose a readable path like telegram/token and store the value with `temoctl secrets set`.",
            )
        if form == "secret" and (not _PATH.fullmatch(text) or text.startswith(_RESERVED)):
            raise wrong(
                "TEMO238",
                "not a path of a secret",
                fix="Use lower-case words joined by /, like telegram/token; env/ and supabase/ are temoctl's own.",
            )
        if form == "env" and not _NAME.fullmatch(text):
            raise wrong("TEMO238", "not the name of an environment variable", fix="Use letters, digits and _.")


class TenantSecret(SecretSource):
    """A secret reference in a tenant's spec: `file` is left out, because a spec is shared between machines."""

    model_config = ConfigDict(json_schema_extra=_without_file)

    @model_validator(mode="after")
    def _no_file(self) -> TenantSecret:
        if self.file is not None:
            raise wrong(
                "TEMO238",
                "a tenant's secret can't come from a file",
                fix="Other machines don't have this file: store the value with `temoctl secrets set`.",
                allowed=_FORMS,
            )
        return self
