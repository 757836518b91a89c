"""The size of rooms: modules and storeys of a folder, lines of a file, and the line that says what a folder is for."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOTS = ("deployments", "serve_app")
MOST_MODULES, MOST_STOREYS, MOST_LINES = 14, 8, 400

Imports = Mapping[str, frozenset[str]]  # of each module of a folder: those of the same folder


def folders(root: str, base: Path = ROOT) -> list[Path]:
    """The packages below a root, itself among them."""
    return sorted({file.parent for file in (base / root).rglob("*.py")})


def imports_of(folder: Path, base: Path = ROOT) -> Imports:
    """What the modules of a folder import from one another, at the top and within functions."""
    package = ".".join(folder.relative_to(base).parts)
    names = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    found = {name: frozenset(imported(ast.parse((folder / f"{name}.py").read_text()))) for name in names}
    return {
        name: frozenset(other for other in names - {name} if f"{package}.{other}" in paths)
        for name, paths in found.items()
    }


def imported(node: ast.AST) -> Iterator[str]:
    """Dotted names that a tree imports when it runs; `from a import b` may mean a module a.b."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module is not None:
        yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


def tallest(imports: Imports) -> list[str]:
    """The longest chain of imports, from the top down. Raises RecursionError for a circle."""

    @cache
    def below(name: str) -> list[str]:
        return [name, *max(map(below, sorted(imports[name])), key=len, default=[])]

    return max(map(below, sorted(imports)), key=len, default=[])


def test_the_measure_finds_chains_and_circles(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "top.py").write_text("from typing import TYPE_CHECKING\nfrom room import middle\nimport room.other\n")
    (room / "middle.py").write_text("def late():\n    from room.low import name\n")
    (room / "low.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from room.top import name\n")
    (room / "other.py").write_text("import json\n")
    assert folders("room", tmp_path) == [room]
    assert tallest(imports_of(room, tmp_path)) == ["top", "middle", "low"]
    (room / "low.py").write_text("from room.top import name\n")
    with pytest.raises(RecursionError):
        tallest(imports_of(room, tmp_path))


@pytest.mark.parametrize("root", ROOTS)
def test_a_folder_has_few_modules(root: str) -> None:
    sizes = {str(folder.relative_to(ROOT)): len(imports_of(folder)) for folder in folders(root)}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > MOST_MODULES} == {}


@pytest.mark.parametrize("root", ROOTS)
def test_a_folder_has_few_storeys(root: str) -> None:
    chains = {str(folder.relative_to(ROOT)): tallest(imports_of(folder)) for folder in folders(root)}
    assert max(map(len, chains.values())) > 1
    assert {name: chain for name, chain in chains.items() if len(chain) > MOST_STOREYS} == {}


@pytest.mark.parametrize("root", ROOTS)
def test_a_file_is_short(root: str) -> None:
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in (ROOT / root).rglob("*.py")}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


@pytest.mark.parametrize("root", ROOTS)
def test_a_folder_says_what_passes_through_it(root: str) -> None:
    said = {folder: ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) for folder in folders(root)}
    assert [
        folder.name for folder, text in said.items() if not text or not text.splitlines()[0].endswith((".", ":"))
    ] == []
