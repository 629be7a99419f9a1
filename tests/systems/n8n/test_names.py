"""Names fit, carry their marker, and give the readable part back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temoctl.model.identity import ALPHABET, Marker, Owner
from temoctl.systems.n8n.names import LIMIT, full_name, readable_name, split_name

OWNER = Owner("0123456789", "abcdefghjkmnpqrs")
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)
intents = st.one_of(st.none(), st.text(ALPHABET, min_size=12, max_size=12))
markers = st.builds(Marker, st.just(OWNER), st.sampled_from(["credential", "workflow"]), names, intents)


@given(st.text(max_size=300), markers)
def test_a_name_fits_and_is_read_back(readable: str, marker: Marker) -> None:
    name = full_name(readable, marker)
    assert 1 <= len(name.encode("utf-16-le", "surrogatepass")) // 2 <= LIMIT
    assert split_name(name)[1] == marker
    assert readable_name(name, readable) == readable
    assert full_name(readable, marker) == name


@pytest.mark.parametrize("readable", ["Café «Aurora»", "咖啡" * 60, "👩‍🚀" * 40, "[temo:x]", "a [b] c", ""])
def test_what_people_call_things(readable: str) -> None:
    marker = Marker(OWNER, "workflow", "telegram-ingress", "0" * 12)
    assert split_name(full_name(readable, marker))[1] == marker


@pytest.mark.parametrize(
    "name",
    [
        "Acme [temo:0123456789.abcdefghjkmnpqrs.workflow.tenant] copy",
        "Acme temo:0123456789.abcdefghjkmnpqrs.workflow.tenant",
        "Acme [temo:0123456789.abcdefghjkmnpqrs.workflow.tenant~short]",
        "Acme [temo:0123456789.short.workflow.tenant]",
        "Acme [temo:0123456789.abcdefghjkmnpqrs.workflow.tenant and more]",
        "",
    ],
)
def test_only_a_whole_marker_at_the_end_counts(name: str) -> None:
    assert split_name(name) == (name, None)


def test_another_readable_part_is_told_as_it_is() -> None:
    marker = Marker(OWNER, "workflow", "tenant")
    assert readable_name(full_name("renamed by hand", marker), "Acme") == "renamed by hand"
    assert readable_name(full_name("x" * 200, marker), "x" * 200) == "x" * 200
