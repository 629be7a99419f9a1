"""`temoctl schema`: the JSON Schema of what people write, for editors."""

from __future__ import annotations

from typing import Annotated

import typer

from temoctl.cli.command import command
from temoctl.cli.session import Session


def register(app: typer.Typer) -> None:
    @command(app, "schema")
    def schema(
        session: Session,
        *,
        kind: Annotated[str, typer.Argument(metavar="KIND", help="tenant, plan or platform.")] = "tenant",
    ) -> None:
        """Print a JSON Schema for editors: of a tenant spec, a plan, or the platform file."""
        from temoctl.model.errors import UserError
        from temoctl.spec import json_schema
        from temoctl.spec.schema import SCHEMA_KINDS

        for known in SCHEMA_KINDS:
            if known == kind:
                return session.document(json_schema(known))
        raise UserError("TEMO100", f"there is no schema for '{kind}'", fix=f"write one of: {', '.join(SCHEMA_KINDS)}")
