"""Text is made harmless and fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from temoctl.render.page import Page
from temoctl.render.tables import ago, table
from temoctl.render.text import cut, duration, listing, pad, safe, wrap


@given(st.text())
def test_safe_text_is_printable(text: str) -> None:
    assert all(character.isprintable() or character == "\u200d" for character in safe(text))


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=60), st.integers(2, 40))
def test_padding_is_exact(text: str, cells: int) -> None:
    assert cell_len(pad(safe(text), cells)) == cells
    assert cell_len(cut(safe(text), cells)) <= cells


def test_terminal_sequences_are_shown_not_obeyed() -> None:
    assert safe("a\x1b[31mb\x07\u202ec\n") == "a\\x1b[31mb\\x07\\u202ec\\n"


def test_commands_and_words_are_never_broken() -> None:
    command = "temoctl destroy acme --allow " + ",".join(f"delete:supabase.kind{n}" for n in range(9))
    assert wrap(f"do this:\n{command}", indent="  ") == ["  do this:", f"  {command}"]
    path = "/a/" + "long" * 30
    assert path in " ".join(wrap(f"see {path} there"))


def test_a_table_is_cut_to_the_page() -> None:
    page = table(("A", "B"), [("x" * 100, "y" * 100)], cells=40)
    assert all(cell_len(line.plain) <= 40 for line in page.lines)
    assert table(("A",), [], empty="None.").plain() == "None.\n"


def test_what_people_copy_from_a_table_stays_whole() -> None:
    address = "nordwind/supabase.table.products-catalogue"
    page = table(("ADDRESS", "WHAT"), [(address, "y" * 100)], cells=60, whole=(0,))
    assert address in page.plain()
    assert all(cell_len(line.plain) <= 60 for line in page.lines)
    narrow = table(("ADDRESS", "WHAT"), [(address, "y" * 100)], cells=30, whole=(0,))
    assert all(cell_len(line.plain) <= 30 for line in narrow.lines)


def test_small_words() -> None:
    assert [duration(s) for s in (0.44, 38, 125, 120, 11400)] == ["0.4 s", "38 s", "2 min 5 s", "2 min", "3 h 10 min"]
    assert [ago(s) for s in (1, 61, 7200, 90000)] == ["1 s ago", "1 min ago", "2 h ago", "1 day ago"]
    assert listing(["a", "b", "c"]) == "a, b and c"


def test_a_page_keeps_styles_out_of_plain_text() -> None:
    assert Page().line(("x", "bold red"), " y").plain() == "x y\n"
