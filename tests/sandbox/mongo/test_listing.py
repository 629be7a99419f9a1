"""The written list says what the tests prove, and nothing else."""

from __future__ import annotations

import importlib

from temoctl.sandbox.mongo.engine import commands
from tests.sandbox.mongo.__main__ import PLACE
from tests.sandbox.mongo.listing import PARTS, page


def test_the_list_is_what_the_tests_state() -> None:
    assert PLACE.read_text(encoding="utf-8") == page(), "run: python -m tests.sandbox.mongo"


def test_every_test_states_something() -> None:
    for module in PARTS:
        for name, test in vars(importlib.import_module(f"tests.sandbox.mongo.{module}")).items():
            assert not name.startswith("test_") or hasattr(test, "states"), name


def test_every_command_is_in_the_list() -> None:
    said = page()
    assert [name for name in commands() if f"`{name}`" not in said] == []
