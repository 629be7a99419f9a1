"""`temoctl explain CODE`: the page behind an error code."""

from __future__ import annotations

from typing import Annotated

import typer

from temoctl.cli.command import command
from temoctl.cli.session import Session


def _codes(incomplete: str) -> list[str]:
    from temoctl.app.explain import pages

    return [code for code in pages() if code.startswith(incomplete.upper())]


def register(app: typer.Typer) -> None:
    @command(app, "explain")
    def explain(
        session: Session,
        *,
        code: Annotated[str | None, typer.Argument(metavar="CODE", help="Like TEMO203.", autocompletion=_codes)] = None,
    ) -> None:
        """Explain an error code. What it means, why, what to do; without a code, all are listed."""
        from temoctl.app import explain as book

        if code is None:
            from temoctl.render.tables import table

            titles = {known: book.title(known) for known in book.pages()}
            if session.json:
                return session.document({"format_version": 1, "codes": titles})
            return session.console.show(table(("CODE", "MEANING"), list(titles.items()), cells=session.console.cells))
        text = book.explain(code)
        if session.json:
            return session.document({"format_version": 1, "code": code.upper(), "text": text})
        from temoctl.render.markdown import markdown_page

        return session.console.show(markdown_page(text, cells=session.console.cells))
