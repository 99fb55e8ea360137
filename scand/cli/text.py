"""Text for a terminal."""

from collections.abc import Iterable, Iterator, Sequence


def printable(text: str | bytes) -> str:
    r"""What others wrote, on one line: what steers a terminal or the direction becomes `\x1b`."""
    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    return "".join(sign if sign.isprintable() else _escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows of cells as lines with columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
