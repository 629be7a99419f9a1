"""Writes docs/mongodb-compatibility.md."""

from __future__ import annotations

from pathlib import Path

from tests.sandbox.mongo.listing import page

PLACE = Path(__file__).resolve().parents[3] / "docs" / "mongodb-compatibility.md"

if __name__ == "__main__":
    PLACE.write_text(page(), encoding="utf-8")
