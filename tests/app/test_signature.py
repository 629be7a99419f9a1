"""Our check of a signature against the vendor's own library, and against what it must not let through."""

from __future__ import annotations

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from temoctl.app.signature import TOLERANCE, Signature
from temoctl.model.secret import Secret

KEY = "whsec_0123456789abcdef"
NOW = 1_800_000_000


def theirs(payload: str, header: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(payload, header, KEY, tolerance=None))
    except stripe.SignatureVerificationError:
        return False


def ours(payload: str, header: str) -> bool:
    signed = Signature.read(header)
    return signed is not None and signed.of(payload.encode(), Secret(KEY))


@given(st.text(), st.integers(0, 2**33))
def test_what_their_library_signs_is_right(payload: str, at: int) -> None:
    payload = payload.encode("utf-8", "replace").decode()
    header = stripe.WebhookSignature.generate_signature_header(payload, KEY, timestamp=at)
    assert ours(payload, header) and theirs(payload, header)
    assert not ours(payload + " ", header)
    assert not ours(payload, header[:-1] + ("0" if header[-1] != "0" else "1"))
    assert not ours(payload, header.replace("t=", "t=1"))


@given(st.text(alphabet="tv10=, abcdef", max_size=60))
def test_nothing_that_their_library_refuses_is_let_through(header: str) -> None:
    assert theirs("{}", header) or not ours("{}", header)


def test_one_right_signature_of_several_is_enough() -> None:
    right = stripe.WebhookSignature.generate_signature_header("{}", KEY, timestamp=NOW)
    both = f"{right},v1={'0' * 64},v0={'1' * 64}"
    assert ours("{}", both) and theirs("{}", both)
    assert not ours("{}", right.replace("v1=", "v0="))


@pytest.mark.parametrize(
    "header", ["", "t=1", "v1=ab", "t=x,v1=ab", "t=-1,v1=ab", "t=1,v1=", "=" * 50, "t=1,v1=" + "a" * 2000]
)
def test_what_is_no_such_header(header: str) -> None:
    assert Signature.read(header) is None


def test_old_signatures_are_old() -> None:
    signed = Signature.read(f"t={NOW},v1=ab")
    assert signed is not None
    assert signed.fresh(NOW) and signed.fresh(NOW + TOLERANCE)
    assert not signed.fresh(NOW + TOLERANCE + 1)
