"""The architecture page holds: layers, names and budgets, checked against the code itself."""

import ast
import io
import re
import statistics
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "memu"
SECOND = ROOT / "src" / "memorizz"
"""The other package that is made of the same parts; on the page it is one unit."""

PAGE = ROOT / "docs" / "architecture.md"

FILE_LINES, FUNCTION_LINES, FUNCTION_MEDIAN, FUNCTION_P90 = 400, 60, 8, 30
REASONED_FILE_LINES, REASON = 600, "Longer than 400 lines because "
"""A file may be longer when its docstring gives the reason."""

REQUIRED_PACKAGES = 12
HEAVY = {
    "av",
    "dateparser",
    "docx",
    "fastapi",
    "httpx",
    "huggingface_hub",
    "lxml",
    "onnxruntime",
    "openai",
    "psycopg",
    "pymongo",
    "pymysql",
    "pypdf",
    "rich",
    "safetensors",
    "snowballstemmer",
    "tokenizers",
    "typer",
}
"""Packages that are imported by the function that first needs them, so that importing memu costs little."""

HEAVY_AT_THE_TOP = {"cli": {"rich", "typer"}}
"""The command line is made of these two."""

CHOOSE_BY_PROVIDER = {
    "settings.py",
    "endpoints.py",
    "database/registry.py",
    "database/factory.py",
    "database/sqlite.py",
    "backends/sqlite.py",
    "backends/postgres.py",
    "backends/mysql.py",
    "backends/types.py",
    "app/wiring.py",
}
"""Where a comparison with a provider's or a dialect's name may stand; elsewhere a difference is data or a method."""

MACHINE_PATH = re.compile(r"(?<![\w.~<>…-])/(?:work|root|tmp/helpers)/|/tmp/helpers")
REGISTRY_HOST = re.compile(r"\b(?:files\.pythonhosted\.org|pypi\.org|registry\.npmjs\.org|deb\.debian\.org)\b")


# --- what is there ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One import statement of ours in one module."""

    importer: str
    imported: str
    line: int
    typing_only: bool
    """Under `if TYPE_CHECKING:`; it is not carried out."""


def files() -> list[Path]:
    return sorted([*SOURCE.rglob("*.py"), *SECOND.rglob("*.py")])


def place(path: Path) -> str:
    return path.relative_to(SOURCE if path.is_relative_to(SOURCE) else SECOND.parent).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {module_name(path): path for path in files()}


def unit_of(module: str) -> str:
    """The unit of the page's table that a module belongs to: a folder's name, or a file's without its ending."""
    if module.partition(".")[0] == SECOND.name:
        return SECOND.name
    return module.split(".")[1] if "." in module else ""


@cache
def imports() -> list[Import]:
    return [found for path in files() for found in imports_of(path)]


def imports_of(path: Path) -> Iterator[Import]:
    typing_only = {
        id(inner)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree(path)):
        for target in targets(node):
            yield Import(module_name(path), target, node.lineno, id(node) in typing_only)


OURS = (SOURCE.name, SECOND.name)


def targets(node: ast.AST) -> list[str]:
    """The modules of ours that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if alias.name.partition(".")[0] in OURS]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert not node.level, f"relative import in line {node.lineno}: write the whole name"
    if (node.module or "").partition(".")[0] not in OURS:
        return []
    named = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in modules() else str(node.module) for name in named]


# --- the layers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """One row of the page's table."""

    level: int
    units: tuple[str, ...]
    levels_below: frozenset[int]
    neighbours: frozenset[str]


@cache
def layers() -> list[Layer]:
    rows = re.findall(r"^\| (\d) \| (.+?) \| .+? \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [
        Layer(
            int(level),
            tuple(re.sub(r"/$|\.py$", "", name) for name in re.findall(r"`([^`]+)`", where)),
            frozenset(map(int, re.findall(r"\b\d\b", allowed))),
            frozenset(re.findall(r"`([^`/]+)/?`", allowed)),
        )
        for level, where, allowed in rows
    ]


@cache
def layer_of() -> dict[str, Layer]:
    return {unit: layer for layer in layers() for unit in layer.units}


def may_import(importer: str, imported: str) -> bool:
    """Whether the page lets one unit import another."""
    if importer in (imported, "testing") or imported == "":
        return True
    if imported == "testing":
        return False
    own, other = layer_of()[importer], layer_of()[imported]
    if own.level == other.level == 0:
        return own.units.index(importer) > own.units.index(imported)
    return other.level in own.levels_below or imported in own.neighbours


def test_page_names_every_part_of_the_library() -> None:
    on_disk = {unit_of(name) for name in modules()} - {"", "testing"}
    named = [unit for layer in layers() for unit in layer.units]
    assert sorted(named) == sorted(on_disk)
    assert (SOURCE / "testing").is_dir()
    places = {layer: SECOND.parent if layer == SECOND.name else SOURCE for layer in named}
    assert all((at / layer).is_dir() or (at / f"{layer}.py").is_file() for layer, at in places.items())


def test_page_names_only_files_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    paths = set(re.findall(r"`([\w./-]+\.(?:py|md)|[\w/-]+/)`", text))
    roots = (SOURCE, SECOND, SECOND.parent, ROOT)
    missing = [name for name in sorted(paths) if not any((root / name).exists() for root in roots)]
    assert missing == []
    dotted = set(re.findall(r"`(memu\.[\w.]+)`", text))
    packages = {name.rpartition(".")[0] if name.rpartition(".")[2][0].isupper() else name for name in dotted}
    assert [name for name in sorted(packages) if name not in modules()] == []


def test_imports_go_strictly_downward() -> None:
    """In functions and under TYPE_CHECKING as well: who may know of whom does not depend on when."""
    upward = [
        f"{one.importer}:{one.line} imports {one.imported}"
        for one in imports()
        if unit_of(one.importer) and not may_import(unit_of(one.importer), unit_of(one.imported))
    ]
    assert upward == []


def test_the_first_package_knows_nothing_of_the_second() -> None:
    found = [one.importer for one in imports() if unit_of(one.imported) == SECOND.name]
    assert {unit_of(name) for name in found} == {SECOND.name}


def test_the_top_module_gathers_only_what_users_call() -> None:
    gathered = {unit_of(one.imported) for one in imports() if one.importer == "memu"}
    assert gathered <= {"", "app", "errors", "models", "settings", "scope"}


def test_nothing_imports_the_shipped_suite() -> None:
    users = {one.importer for one in imports() if unit_of(one.imported) == "testing"}
    assert [name for name in sorted(users) if unit_of(name) != "testing"] == []


def test_no_import_cycles() -> None:
    """Imports inside functions count; imports for types only do not, for they are never carried out."""
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for one in imports():
        if not one.typing_only and one.importer != one.imported and not one.importer.startswith(f"{one.imported}."):
            graph[one.importer].add(one.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


# --- the budgets ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Function:
    """A function and its code lines: no blank lines, no comments, no docstring."""

    where: str
    lines: int


@cache
def functions() -> list[Function]:
    return [
        Function(f"{place(path)}:{node.lineno} {node.name}", len(code_lines(path) & body_lines(node)))
        for path in files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


@cache
def code_lines(path: Path) -> set[int]:
    """The lines that hold a token other than a comment."""
    ignored = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return {line for token in tokens if token.type not in ignored for line in range(token.start[0], token.end[0] + 1)}


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[int]:
    lines = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    if ast.get_docstring(node) is not None:
        first = node.body[0]
        lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def test_files_are_short() -> None:
    long = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert {place(path): lines for path, lines in long.items() if lines > allowed_lines(path)} == {}


def allowed_lines(path: Path) -> int:
    reasoned = REASON in (ast.get_docstring(tree(path)) or "")
    return REASONED_FILE_LINES if reasoned else FILE_LINES


def test_functions_are_short() -> None:
    assert [one for one in functions() if one.lines > FUNCTION_LINES] == []
    sizes = sorted(one.lines for one in functions())
    assert statistics.median(sizes) <= FUNCTION_MEDIAN
    assert statistics.quantiles(sizes, n=10)[-1] <= FUNCTION_P90


def test_modules_open_with_one_sentence() -> None:
    wrong = []
    for path in files():
        text = ast.get_docstring(tree(path)) or ""
        opening = text.partition("\n\n")[0]
        if "\n" in opening or not opening.endswith("."):
            wrong.append(f"{place(path)}: {opening!r}")
    assert wrong == []


def test_public_names_say_what_they_are() -> None:
    assert [f"{place(path)}:{line} {name}" for path in files() for line, name in undocumented(tree(path))] == []


def undocumented(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[int, str]]:
    """Public functions and classes, and public methods of public classes, that have no docstring.

    Methods that the standard library or a base class gives their meaning need none: those of tests, and overrides.
    """
    for child in node.body:
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or child.name.startswith("_"):
            continue
        overrides = isinstance(node, ast.ClassDef) and node.bases and not isinstance(child, ast.ClassDef)
        if ast.get_docstring(child) is None and not overrides and not is_overload(child):
            yield child.lineno, f"{prefix}{child.name}"
        if isinstance(child, ast.ClassDef):
            yield from undocumented(child, f"{prefix}{child.name}.")


def is_overload(node: ast.AST) -> bool:
    marks = [ast.unparse(one) for one in getattr(node, "decorator_list", ())]
    return any(mark.endswith((".setter", "overload")) for mark in marks)


# --- what stands where ------------------------------------------------------------------------------------------------


def test_the_library_does_not_print() -> None:
    prints = [
        f"{place(path)}:{node.lineno}"
        for path in files()
        if unit_of(module_name(path)) not in ("cli", "testing")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert prints == []


def test_providers_are_told_apart_in_few_places() -> None:
    found = [
        f"{place(path)}:{node.lineno} {ast.unparse(node)}"
        for path in files()
        if place(path) not in CHOOSE_BY_PROVIDER and unit_of(module_name(path)) != "testing"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Compare) and compares_a_provider(node)
    ]
    assert found == []


def compares_a_provider(node: ast.Compare) -> bool:
    sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
    return any(re.search(r"(?:^|[._])provider$|dialect\.name$|^dialect$", side) for side in sides)


def test_heavy_packages_are_not_imported_at_the_top() -> None:
    found = [
        f"{place(path)}:{line} {package}"
        for path in files()
        for line, package in imported_at_the_top(tree(path))
        if package in HEAVY - HEAVY_AT_THE_TOP.get(unit_of(module_name(path)), set())
    ]
    assert found == []


def imported_at_the_top(module: ast.Module) -> Iterator[tuple[int, str]]:
    for node in module.body:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module.partition(".")[0]


@pytest.mark.parametrize(
    "statement",
    [
        "import memu",
        "from memu import MemoryService",
        "import memu.app",
        "import memorizz",
        "import memorizz.memory_provider.sqlite",
    ],
)
def test_importing_loads_nothing_heavy(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_few_packages_are_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert len(project["dependencies"]) <= REQUIRED_PACKAGES


def kept_files() -> list[Path]:
    """The text files of the repository; without git, those of the folders that make it up."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        names = [path for folder in ("src", "tests", "docs", "examples") for path in (ROOT / folder).rglob("*")]
        return [path for path in names if path.is_file() and is_text(path)]
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file() and is_text(path)]


def is_text(path: Path) -> bool:
    return b"\0" not in path.read_bytes()[:4096] and path.suffix not in (".pyc", ".npy", ".onnx")


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()[:100]}"
        for path in kept_files()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE_PATH.search(line) or REGISTRY_HOST.search(line)
    ]
    assert found == []
