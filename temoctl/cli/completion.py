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
        shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
    ) -> None:
        """Print the completion script of a shell, e.g. `eval "$(temoctl completion bash)"`."""
        from typer.completion import get_completion_script

        from temoctl.model.errors import UserError

        if shell not in _SHELLS:
            raise UserError("TEMO100", f"no completion for '{shell}'", fix=f"write one of: {', '.join(_SHELLS)}")
        script = get_completion_script(prog_name="temoctl", complete_var="_TEMOCTL_COMPLETE", shell=shell)
        if session.json:
            return session.document({"format_version": 1, "shell": shell, "script": script})
        session.console.say(script)
        return None


def tenant_ids(incomplete: str) -> list[str]:
    """Tenant ids for Tab, from the file names alone: completing must not open the world."""
    import os
    from pathlib import Path

    folder = Path(os.environ.get("TEMOCTL_DIR") or ".") / "tenant_specs"
    names = sorted(path.stem for path in folder.glob("*.y*ml"))
    return [name for name in [*names, "platform"] if name.startswith(incomplete)]
