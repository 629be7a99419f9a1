"""Property trees: texts made of several parts."""

from __future__ import annotations

from typing import Any

from temoctl.model.address import Address
from temoctl.model.secret import Secret, SecretRef
from temoctl.model.value import join, ref, references, secrets, substitute

USER = Address.parse("acme/mongodb.user.n8n")
TREE = {"uri": join("mongodb://", ref(USER, "user"), ":", SecretRef("m/p", 2).tree(), "@db:", 27017, "/?tls=", True)}


def resolved(tree: Any) -> Any:
    return substitute(tree, of_ref=lambda _, name: f"the-{name}")


def test_a_joined_text_is_made_when_its_secrets_are_there_and_is_one_itself() -> None:
    assert references(TREE) == {USER} and secrets(TREE) == (SecretRef("m/p", 2),)
    done = substitute(resolved(TREE), of_secret=lambda _: Secret("canary"))
    assert done["uri"] == Secret("mongodb://the-user:canary@db:27017/?tls=true")
    assert "canary" not in repr(done)


def test_until_then_it_stays_a_tree_that_can_be_written_down() -> None:
    assert resolved(TREE)["uri"]["$join"][:3] == ["mongodb://", "the-user", ":"]
    missing = substitute(resolved(TREE), of_secret=lambda one: one.tree())
    assert missing == resolved(TREE)
    assert substitute(TREE, of_secret=lambda _: Secret("x"))["uri"]["$join"][1] == ref(USER, "user")
