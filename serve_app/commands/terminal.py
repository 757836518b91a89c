"""What commands share at the terminal: results go to stdout, all else to stderr, errors in a line.

What users wrote is never markup here, and none of its characters reaches the terminal as a command to it.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar

import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

out = Console(highlight=False, markup=False, emoji=False)
err = Console(highlight=False, markup=False, emoji=False, stderr=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, whole and nothing else.")]

# Characters that reorder what follows them; a prompt that holds one would make a line say something else.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class ElseGroup(TyperGroup):
    """A group in which a word that is no command belongs to the command `otherwise`, by default the name to show.

    Options before such a word are those of the command: `continuo models --json NAME`.
    """

    otherwise: ClassVar[str] = "show"

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of these words."""
        ctx.default_map = dict.fromkeys(self.commands, ctx.params)
        return super().resolve_command(ctx, args if args[0] in self.commands else [self.otherwise, *args])


def visible(text: str) -> str:
    """Text that a terminal only shows: control characters, but line ends and tabs, as their escapes."""
    return "".join(char if _is_harmless(char) else char.encode("unicode_escape").decode() for char in text)


def in_a_line(text: str) -> str:
    """`visible` text on one line."""
    return visible(" ".join(text.split()))


def _is_harmless(char: str) -> bool:
    if char in "\n\t":
        return True
    return char not in _REORDERING and unicodedata.category(char) not in ("Cc", "Cs")


def print_line(text: str) -> None:
    """Print a result, unbroken however narrow the terminal is."""
    out.print(visible(text), soft_wrap=True)


def note(text: str) -> None:
    """Print something beside the result."""
    err.print(visible(text), soft_wrap=True)


def fail(text: str) -> typer.Exit:
    """An error line and the exit that follows it."""
    err.print(Text.assemble(("error: ", "red"), visible(text)), soft_wrap=True)
    return typer.Exit(1)


def print_json(data: Any) -> None:
    """Print JSON as it is, in the characters that stdout can hold."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = json.dumps(data, indent=2)
    sys.stdout.write(text + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows, every cell whole: to a terminal in columns, however narrow it is, else with tabs between."""
    lines = [columns, *([in_a_line(cell) for cell in row] for row in rows)]
    if not out.is_terminal:
        for line in lines:
            sys.stdout.write("\t".join(line) + "\n")
        return
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [set_cell_size(cell, width) for cell, width in zip(line[:-1], widths, strict=False)]
        out.print(Text("  ".join([*cells, line[-1]]), "bold" if line is columns else ""), soft_wrap=True)
