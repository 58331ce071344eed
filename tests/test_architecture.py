"""The shape of the package, held against its imports: floors, cycles, sizes, and what starting up loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "judge"
MAX_LINES, MAX_FUNCTION, MAX_PARAMETERS = 300, 40, 6

# A module imports from lower floors only. Modules of one folder may use each other, without cycles.
FLOORS = [
    {"errors", "estimate", "private", "visible"},
    {"transcript", "request", "records", "tokens", "project", "address", "target"},
    {"grader", "formats", "dialects", "stats", "pricing", "billing", "grounding", "local_model"},
    {"parse", "store", "runs", "export", "eval_sets", "providers", "queues"},
    {"looks", "ratings"},
    {"labelling", "calibration", "comparison", "linting", "rates"},
    {"iteration"},
    {"report", "annotate", "attacks"},
    {"cli"},
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
FREE = {"__init__", "__main__"}
"""The front door and ``python -m judge`` stand outside."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {dotted(path) for path in MODULES}


def imports(path: Path) -> set[str]:
    """Every module of ours that a file imports, lazily or for types included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in NAMES else node.module)
    return {name for name in found if name == "judge" or name.startswith("judge.")}


def room(name: str) -> str:
    """The top-level module or folder that a module belongs to."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_point_down(path):
    here = room(dotted(path))
    if here in FREE:
        return
    assert here in FLOOR, f"{here} stands on no floor: put it on one in this test, and in docs/concepts.md"
    for name in imports(path):
        there = room(name)
        if there != here and name != "judge":
            siblings = FLOOR[there] == FLOOR[here]
            allowed = FLOOR[there] < FLOOR[here] or (siblings and (here, there) in SIDEWAYS)
            assert allowed, f"{dotted(path)} imports {name}"


SIDEWAYS = {
    ("records", "request"),  # a record counts the tokens that requests cost
    ("records", "transcript"),
    ("export", "runs"),
    ("billing", "pricing"),
}
"""Between siblings only these, each for its reason."""


def test_there_are_no_cycles_between_modules():
    graph = {dotted(path): imports(path) & NAMES for path in MODULES}
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> None:
        assert name not in trail, f"cycle: {' -> '.join([*trail[trail.index(name) :], name])}"
        if name not in done:
            for other in graph[name] - {name, "judge"}:
                visit(other, [*trail, name])
            done.add(name)

    for name in graph:
        visit(name, [])


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_modules_functions_and_signatures_stay_small(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_LINES, f"{path.name} is too long"
    command_line = path.parent.name == "cli"  # one parameter for each flag, each on its line
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            start = (first.end_lineno or 0) + 1 if documented and len(node.body) > 1 else first.lineno
            assert (node.end_lineno or 0) - start + 1 <= MAX_FUNCTION, f"{path.name}: {node.name} is too long"
            parameters = [a for a in (*node.args.args, *node.args.kwonlyargs) if a.arg not in ("self", "cls")]
            assert command_line or len(parameters) <= MAX_PARAMETERS, (
                f"{path.name}: {node.name} takes too much"
            )


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_every_module_says_what_it_is_for(path):
    if path.name != "__main__.py":
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring"


def test_the_public_names_are_there_and_are_all_there_is():
    import judge

    assert judge.__all__ == [
        "__version__",
        "Annotation",
        "Estimate",
        "Evidence",
        "Facet",
        "Failure",
        "Grader",
        "JudgeError",
        "Message",
        "Record",
        "Request",
        "Transcript",
        "Verdict",
    ]
    for name in judge.__all__:
        assert getattr(judge, name) is not None


def test_lines_of_json_are_read_without_arrow(tmp_path):
    source = tmp_path / "one.jsonl"
    source.write_text('{"id": "a", "messages": [{"role": "user", "content": "hello"}]}\n')
    code = (
        "import sys\n"
        "from judge.labelling.dataset import Dataset\n"
        f"assert [t.id for _, t in Dataset({str(source)!r})] == ['a']\n"
        "print(sorted({'pyarrow', 'numpy', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_table_is_written_without_pandas(tmp_path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.test_export import PRIMARIES, RECORDS, export\n"
        f"assert export.write_parquet(RECORDS, PRIMARIES, Path({str(tmp_path / 'x.parquet')!r})) == 2\n"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_help_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['judge', '--help']\n"
        "from judge.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'openai', 'anthropic', 'datasets', 'pyarrow', 'numpy', 'scipy', 'pydantic', 'aiohttp', 'jinja2', 'xllamacpp'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "label" in done.stdout
