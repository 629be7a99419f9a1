"""CSV: encodings, separators, headers, and what is wrong with a row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.errors import Conflict, Problems
from temoctl.sheets import ReadOptions, TableInfo, check, file_digest, open_table

Read = Callable[..., tuple[TableInfo | None, list[Diagnostic]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(content: str | bytes, written: str = "utf-8", name: str = "menu.csv", **options: Any) -> Any:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode(written))
        return check(tmp_path / name, ReadOptions(**options), shown=name)

    return read


@pytest.fixture
def rows(tmp_path: Path) -> Callable[..., list[tuple[Any, ...]]]:
    def rows(content: str, **options: Any) -> list[tuple[Any, ...]]:
        (tmp_path / "rows.csv").write_text(content, newline="")
        return list(open_table(tmp_path / "rows.csv", ReadOptions(**options)).rows())

    return rows


def told(found: list[Diagnostic]) -> list[tuple[str, int, int]]:
    return [(one.code, one.where.line, one.where.column) for one in found if one.where is not None]


def types(info: TableInfo | None) -> list[str]:
    assert info is not None
    return [column.type.value for column in info.columns]


RUSSIAN = "Артикул;Название;Цена\n007;Чай зелёный;1 234,50\n008;Кофе чёрный;5,20\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251", "koi8-r", "cp866"]
)
def test_encodings_are_found_out(read: Read, encoding: str) -> None:
    info, found = read(RUSSIAN, encoding)
    assert not found
    assert info is not None
    assert [column.title for column in info.columns] == ["Артикул", "Название", "Цена"]
    assert [column.name for column in info.columns] == ["artikul", "nazvanie", "tsena"]
    assert types(info) == ["text", "text", "decimal"]
    assert info.encoding == ("utf-16" if encoding == "utf-16" else encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Artikel;Größe\nKäse;groß\nBrötchen;klein\n", "cp1252"),
        ("Produit;Prix\nCafé crème;2,50\nThé à la menthe;3,00\n", "cp1252"),
        ("Назва;Ціна\nЧай з м'ятою;10\nЇжа й інше;20\n", "cp1251"),
        ("ТОВАР;ЦЕНА\nЧАЙ;10\nКОФЕ;20\n", "cp1251"),
        ("name;note\n" + "tea;plain english text\n" * 20000 + "чай;чёрный\n", "cp1251"),
    ],
)
def test_old_code_pages_are_told_apart(read: Read, text: str, encoding: str) -> None:
    info, _ = read(text, encoding)
    assert info is not None
    assert info.encoding == encoding


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_separators_are_found_out(read: Read, delimiter: str) -> None:
    lines = [["name", "note", "price"], ["Tea", '"green; with, mint\tand | more"', "1"], ["Coffee", "x", "2"]]
    info, found = read("\n".join(delimiter.join(line) for line in lines))
    assert not found
    assert info is not None
    assert info.delimiter == delimiter
    assert len(info.columns) == 3


def test_a_decimal_comma_is_no_separator(rows: Callable[..., Any]) -> None:
    assert [str(row[1]) for row in rows("name;price\na;1,50\nb;2,75\n")] == ["1.50", "2.75"]


def test_excels_separator_line_is_obeyed(read: Read) -> None:
    info, _ = read("sep=|\na|b,c\n1|2\n")
    assert info is not None
    assert (info.delimiter, info.header_row, [column.title for column in info.columns]) == ("|", 2, ["a", "b,c"])


def test_lines_may_end_as_they_like_and_cells_may_hold_some(rows: Callable[..., Any]) -> None:
    for end in ("\n", "\r\n", "\r"):
        assert rows(f'a,b{end}1,"x{end}y"{end}2,z{end}') == [(1, f"x{end}y"), (2, "z")]


def test_titles_above_the_table_are_left_out_and_told(read: Read) -> None:
    info, found = read("Price list 2026;;\n;;\nname;price;n\ntea;1,20;3\n")
    assert info is not None
    assert info.header_row == 3
    assert told(found) == [("TEMO314", 1, 0)]
    assert found[0].severity is Severity.WARNING


def test_headers_that_are_missing_or_twice_get_names(read: Read) -> None:
    info, found = read("a,A,,order,1st,a\n1,2,3,4,5,6\n")
    assert info is not None
    assert [column.name for column in info.columns] == ["a", "a_2", "column_3", "order_", "c_1st", "a_3"]
    assert [column.title for column in info.columns] == ["a", "A", "column_3", "order", "1st", "a"]
    assert told(found) == [("TEMO314", 1, 2), ("TEMO314", 1, 3), ("TEMO314", 1, 6)]
    assert {one.severity for one in found} == {Severity.WARNING}


def test_columns_without_header_and_values_are_dropped(rows: Callable[..., Any]) -> None:
    assert rows("a,b,,\n1,2,,\n3,,,\n") == [(1, 2), (3, None)]


def test_a_table_without_a_header_is_read_and_told(read: Read, rows: Callable[..., Any]) -> None:
    info, found = read("1,tea\n2,coffee\n")
    assert info is not None
    assert ([column.name for column in info.columns], info.count) == (["column_1", "column_2"], 2)
    assert told(found) == [("TEMO314", 1, 0)]
    assert rows("1,2\n3,4\n", header=True) == [(3, 4)]
    assert rows("tea,x\ncoffee,y\n", header=False) == [("tea", "x"), ("coffee", "y")]


def test_years_may_be_headers(read: Read) -> None:
    info, found = read("Product;2025;2026\nTea;1;2\n")
    assert info is not None
    assert [column.name for column in info.columns] == ["product", "c_2025", "c_2026"]
    assert not found


def test_every_ragged_row_is_named(read: Read) -> None:
    info, found = read("a,b,c\n1,2\n1,2,3\n1,2,3,4\n1,2,3,,\n\n,,\n")
    assert info is None
    assert told(found) == [("TEMO309", 2, 3), ("TEMO309", 4, 4)]
    assert found[0].where is not None
    assert found[0].where.column_name == "c"


def test_errors_stop_at_a_cap_that_says_how_many_more(read: Read) -> None:
    info, found = read("a,b\n" + "1\n" * 1200)
    assert info is None
    assert len(found) == 51
    assert found[-1].code == "TEMO317" or found[0].code == "TEMO317"
    assert any("1,150 more" in one.summary for one in found)


def test_an_open_quote_is_named_where_it_begins(read: Read) -> None:
    info, found = read('a,b\n1,x\n2,"y\n3,z\n4,w\n')
    assert info is None
    assert told(found) == [("TEMO308", 3, 0)]
    assert "row 5" in found[0].detail


def test_an_open_quote_in_a_long_file_is_found_all_the_same(read: Read) -> None:
    _, found = read('a,b\n1,"x\n' + "2,some more text in the row\n" * 20000)
    assert ("TEMO308", 2, 0) in told(found)


def test_text_after_a_closing_quote_is_named(read: Read) -> None:
    _, found = read('a,b\n1,"x" and y\n2,"z"\n3,"q"w\n')
    assert told(found) == [("TEMO308", 2, 0), ("TEMO308", 4, 0)]


def test_nul_characters_are_named_with_their_cell(read: Read) -> None:
    _, found = read(b"name,note\n" + b"tea,fine\n" * 20 + b"coffee,bl\x00ack\n")
    assert told(found) == [("TEMO310", 22, 2)]


def test_broken_utf8_is_an_accident_not_another_encoding(read: Read) -> None:
    good = "название,заметка\nчай,зелёный крупный\nкофе,".encode()
    info, found = read(good + b"\xff\xfe\n")
    assert info is None
    assert told(found) == [("TEMO307", 3, 0)]
    assert "0xff" in found[0].summary


def test_an_encoding_from_the_spec_is_taken_at_its_word(read: Read) -> None:
    info, _ = read(RUSSIAN, "cp866", encoding="ibm866")
    assert info is not None
    assert info.columns[1].title == "Название"
    _, found = read(RUSSIAN, "cp1251", encoding="utf-8")
    assert told(found) == [("TEMO307", 1, 0)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoding": "klingon"}, "not an encoding"),
        ({"encoding": "base64"}, "not an encoding"),
        ({"delimiter": ";;"}, "can't separate"),
        ({"columns": {"a": "int"}}, "not a column type"),
    ],
)
def test_options_that_can_t_be_are_refused(read: Read, options: dict[str, Any], words: str) -> None:
    info, found = read("a\n1\n", **options)
    assert info is None
    assert [one.code for one in found] == ["TEMO318"]
    assert words in found[0].summary
    assert found[0].allowed


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "TEMO301"),
        (b"\xef\xbb\xbf", "TEMO301"),
        (b"\n\n  \n", "TEMO301"),
        (b",,\n,,\n", "TEMO301"),
        (b"name,price\n", "TEMO301"),
        (b"%PDF-1.7 ...", "TEMO302"),
        (b"<!DOCTYPE html><table><tr><td>1</td></tr></table>", "TEMO302"),
        (b'{"name": 1}', "TEMO302"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "TEMO302"),
        (bytes(range(1, 32)) * 50, "TEMO302"),
    ],
)
def test_what_is_no_table_is_refused(read: Read, content: bytes, code: str) -> None:
    info, found = read(content)
    assert info is None
    assert [one.code for one in found] == [code]
    assert found[0].fix


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.csv", tmp_path):
        info, found = check(path, ReadOptions())
        assert info is None
        assert [one.code for one in found] == ["TEMO300"]


def test_csv_under_another_name_is_read_and_told(read: Read) -> None:
    info, found = read("a,b\n1,2\n", name="menu.xlsx")
    assert info is not None
    assert [one.code for one in found] == ["TEMO305"]


def test_a_type_from_the_spec_is_checked_cell_by_cell(read: Read, rows: Callable[..., Any]) -> None:
    text = "Имя;Цена;Есть;Когда\nчай;1,5;да;01.02.2026\nкофе;дорого;может быть;31.02.2026\n"
    asked = {"Цена": "decimal", "est": "boolean", "когда": "date"}
    info, found = read(text, columns=asked)
    assert info is None
    assert told(found) == [("TEMO312", 3, 2), ("TEMO312", 3, 3), ("TEMO312", 3, 4)]
    assert "дорого" in found[0].summary
    first = rows(text.rsplit("кофе", 1)[0], columns=asked)
    assert [str(value) for value in first[0]] == ["чай", "1.5", "True", "2026-02-01"]


def test_a_type_for_a_column_that_isn_t_there_is_refused(read: Read) -> None:
    _, found = read("Name,Price\na,1\n", columns={"Prise": "decimal"})
    assert told(found) == [("TEMO315", 1, 0)]
    assert found[0].suggestion == "Price"
    assert found[0].allowed == ("Name", "Price")


def test_nothing_is_given_out_of_a_file_with_an_error(tmp_path: Path) -> None:
    path = tmp_path / "menu.csv"
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(Problems) as caught:
        open_table(path, ReadOptions())
    assert told(list(caught.value.diagnostics)) == [("TEMO309", 3, 2)]


def test_a_file_that_changes_between_the_passes_is_a_conflict(tmp_path: Path) -> None:
    path = tmp_path / "menu.csv"
    path.write_text("a,b\n1,2\n")
    table = open_table(path, ReadOptions())
    path.write_text("a,b\n1,two\n")
    with pytest.raises(Conflict) as caught:
        list(table.rows())
    assert caught.value.code == "TEMO319"


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "menu.csv"
    path.write_bytes(b"abc")
    assert file_digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_options_survive_a_trip_through_json() -> None:
    options = ReadOptions(sheet="Prices", delimiter="\t", header=False, columns={"a": "text"})
    assert ReadOptions.from_tree(options.tree()) == options
    assert ReadOptions().tree() == {}
    assert ReadOptions.from_tree({"delimiter": "tab"}).delimiter == "\t"
