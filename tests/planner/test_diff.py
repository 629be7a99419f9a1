"""Differences field by field: readable paths, nothing shown that mustn't be, nothing compared that isn't ours."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from temoctl.model.value import UNKNOWN
from temoctl.planner.diff import differences, show
from temoctl.planner.resolve import DOUBTFUL
from tests.planner.strategies import JSON


def paths(want: Any, have: Any, **options: bool) -> list[tuple[str, Any, Any]]:
    return [(leaf.path, leaf.before, leaf.after) for leaf in differences("f", want, have, **options)]


def test_objects_with_names_are_matched_by_them() -> None:
    want = [{"name": "Telegram Trigger", "parameters": {"updates": ["message"]}}, {"name": "B"}]
    have = [{"name": "B"}, {"name": "Telegram Trigger", "parameters": {"updates": ["callback"]}}]
    assert paths(want, have) == [("f[Telegram Trigger].parameters.updates[0]", "callback", "message")]


def test_a_mere_change_of_order_is_one_difference() -> None:
    want, have = [{"command": "a"}, {"command": "b"}], [{"command": "b"}, {"command": "a"}]
    assert paths(want, have) == [("f (order)", ["b", "a"], ["a", "b"])]


def test_objects_without_unique_names_are_compared_by_position() -> None:
    assert paths([{"name": "x"}, {"name": "x"}], [{"name": "x"}]) == [("f[1]", None, {"name": "x"})]


def test_of_a_partial_field_only_our_keys_count() -> None:
    assert paths({"a": 1}, {"a": 1, "vendor": 2}, partial=True) == []
    assert paths({"a": 1}, {"a": 1, "vendor": 2}) == [("f.vendor", 2, None)]


def test_secrets_are_compared_by_version_and_shown_as_such() -> None:
    old, new = {"$secret": "telegram/token", "version": 1}, {"$secret": "telegram/token", "version": 2}
    [leaf] = differences("token", new, old)
    assert (leaf.before, leaf.after, leaf.secret) == ("version 1", "version 2", True)
    assert paths({**old, "generate": True}, old) == []
    assert paths(new, "plain text of a token") == [("f", "(a text)", "telegram/token version 2")]


def test_what_is_not_known_is_shown_in_words_and_a_doubt_is_no_difference() -> None:
    assert paths(UNKNOWN, "id-1") == [("f", "id-1", "(known after apply)")]
    assert paths({"id": DOUBTFUL}, {"id": "id-1"}) == []


def test_true_is_not_one() -> None:
    assert paths(True, 1) == [("f", 1, True)]


def test_long_texts_are_cut_and_nested_secrets_masked() -> None:
    assert show("x" * 500) == "x" * 400 + "… (500 characters)"
    assert show({"a": [{"$secret": "p/q", "version": 3}]}) == {"a": ["p/q version 3"]}


@settings(max_examples=100, deadline=None)
@given(JSON, JSON)
def test_equal_values_have_no_differences_and_others_have_some(one: Any, other: Any) -> None:
    assert paths(one, one) == []
    if repr(one) != repr(other) and one != other:
        assert paths(one, other)
