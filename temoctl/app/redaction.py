"""The last net under secrets: what was resolved in this process is masked in anything that is about to be shown."""

from __future__ import annotations

from temoctl.model.secret import Redactor

known_secrets = Redactor()
"""Taught by whoever resolves a credential; asked by the command line's error handling."""
