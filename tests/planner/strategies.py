"""Hypothesis strategies: sets of resources that may belong to one tenant, and records that may be damaged."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from temoctl.model.address import Address
from temoctl.model.resource import Desired, Recorded
from temoctl.model.value import ref
from tests.planner.simulation import KINDS

NAMES = ("a", "b", "c")
ADDRESSES = [Address("acme", *key.split("."), name) for key in KINDS for name in NAMES if not KINDS[key].watched_only]
TEXTS = st.sampled_from(["", "x", "y", " x "])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def wishes(draw: st.DrawFn, protect: bool = False, least: int = 0) -> dict[Address, Desired]:
    """Desired resources whose references form no circle, with a witness for some workflow."""
    chosen = draw(st.lists(st.sampled_from(ADDRESSES), unique=True, min_size=least, max_size=6))
    found: dict[Address, Desired] = {}
    for index, address in enumerate(chosen):
        props: dict[str, Any] = {"name": draw(TEXTS), "fixed": draw(st.sampled_from(["1", "2"]))}
        if draw(st.booleans()):
            props["settings"] = {"one": draw(st.integers(0, 2))}
        if draw(st.booleans()):
            props["nodes"] = [
                {"name": name, "value": draw(st.integers(0, 2))}
                for name in draw(st.lists(st.sampled_from("ABC"), unique=True))
            ]
        if index and draw(st.booleans()):
            props["uses"] = ref(chosen[draw(st.integers(0, index - 1))])
        secret = {"$secret": "some/token", "version": draw(st.integers(1, 2))}
        hidden = next(iter(KINDS[address.kind_key].write_only), None)
        if hidden is not None:
            props[hidden] = secret if hidden == "token" else {"key": secret, "plain": draw(TEXTS)}
        after = (chosen[draw(st.integers(0, index - 1))],) if index and draw(st.booleans()) else ()
        flag = protect and draw(st.booleans())
        found[address] = Desired(address, props, f"the {address.name}", after=after, protect=flag)
    workflows = [one for one in chosen if one.kind == "workflow"]
    if workflows and draw(st.booleans()):
        seen = Address("acme", "bot", "webhook", "w")
        token = {"$secret": "some/token", "version": draw(st.integers(1, 2))}
        props = {"url": draw(st.sampled_from(["ours", "ours at a new place"])), "token": token}
        found[seen] = Desired(seen, props, "webhook", after=(workflows[0],), witness_of=workflows[0])
    return found


@st.composite
def damaged(draw: st.DrawFn) -> dict[Address, Recorded]:
    """Records as nobody should find them: unknown kinds, odd trees, dependencies in circles or on nothing."""
    kinds = [*KINDS, "gone.kind"]
    addresses = [Address("acme", *key.split("."), name) for key in kinds for name in NAMES]
    chosen = draw(st.lists(st.sampled_from(addresses), unique=True, max_size=6))
    trees = st.dictionaries(st.sampled_from(["name", "fixed", "data", "nodes", "settings", "uses"]), odd_values())
    return {
        address: Recorded(
            address,
            draw(st.sampled_from(["", "r1", "r2"])),
            draw(trees),
            draw(trees),
            draw(st.dictionaries(st.just("id"), JSON, max_size=1)),
            depends_on=tuple(draw(st.lists(st.sampled_from(addresses), unique=True, max_size=3))),
            protect=draw(st.booleans()),
            witness_of=draw(st.none() | st.sampled_from(addresses)),
        )
        for address in chosen
    }


def odd_values() -> st.SearchStrategy[Any]:
    """Values that look like references or secrets and aren't, beside ordinary ones."""
    looks = st.fixed_dictionaries({"$ref": JSON}) | st.fixed_dictionaries({"$secret": JSON})
    return JSON | looks | st.lists(looks, max_size=2)
