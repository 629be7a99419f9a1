"""Where the files that ship with temoctl lie: templates, example plans and tenant specs.

An installed wheel carries them inside the package (`_assets`), a source checkout beside it. Knows paths only; must
not read the files or import another temoctl package, so that every layer may use it.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def templates() -> Path:
    """The folder with `n8n/` and `supabase/` templates."""
    return _folder("templates")


def plans() -> Path:
    """The folder with the example plans (START, BUSINESS, PRO)."""
    return _folder("plans")


def tenant_specs() -> Path:
    """The folder with the example tenant specs."""
    return _folder("tenant_specs")


def _folder(name: str) -> Path:
    for parent in (_PACKAGE / "_assets", _PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise FileNotFoundError(f"temoctl was installed without its {name!r} folder; install it again")
