"""`temoctl completion SHELL`: print the script that makes Tab complete commands, options and tenant ids."""

from __future__ import annotations

from typing import Annotated

import typer

from temoctl.cli.command import command
from temoctl.cli.session import Session

_SHELLS = ("bash", "zsh", "fish", "powershell")


def register(app: typer.Typer) -> None:
    @command(app, "completion")
    def completion(
        session: Session,
        *,
        shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
    ) -> None:
        """Print a script for completion with Tab. Put this into ~/.bashrc: eval "$(temoctl completion bash)"."""
        from typer import completion as shells

        from temoctl.model.errors import UserError

        if shell not in _SHELLS:
            raise UserError("TEMO100", f"no completion for '{shell}'", fix=f"write one of: {', '.join(_SHELLS)}")
        script = shells.get_completion_script(  # type: ignore[attr-defined]
            prog_name="temoctl", complete_var="_TEMOCTL_COMPLETE", shell=shell
        )
        if session.json:
            return session.document({"format_version": 1, "shell": shell, "script": script})
        session.console.say(script)
        return None
