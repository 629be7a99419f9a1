"""A Markdown page for the terminal: headings stand out, text is wrapped, examples stay as they are."""

from __future__ import annotations

from temoctl.render.page import Page


def markdown_page(text: str, *, cells: int = 80) -> Page:
    """Headings, paragraphs, lists and fenced examples; the rest is shown as it is written."""
    page = Page(cells)
    fenced = False
    paragraph: list[str] = []

    def flush() -> None:
        if paragraph:
            first = paragraph[0]
            hang = (
                "  " if first.startswith(("- ", "* ")) else "   " if first[:1].isdigit() and first[1:3] == ". " else ""
            )
            page.prose(" ".join(paragraph), hang=hang)
            paragraph.clear()

    for line in text.splitlines():
        if line.startswith("```"):
            flush()
            fenced = not fenced
        elif fenced:
            page.line(f"    {line}")
        elif line.startswith("#"):
            flush()
            page.blank().line((line.lstrip("# "), "bold"))
        elif not line.strip():
            flush()
            page.blank()
        elif line.startswith(("- ", "* ")) or (line[:1].isdigit() and line[1:3] == ". "):
            flush()
            paragraph.append(line)
        else:
            paragraph.append(line.strip())
    flush()
    return page
