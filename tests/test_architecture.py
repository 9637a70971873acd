"""The house: which room may import which, and how large its parts may be."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: Rooms from the top of the house to its bottom. A room may import rooms of lower floors only;
#: rooms of one floor do not import each other.
FLOORS: list[set[str]] = [
    {"engine.cli"},
    {"engine.migration"},
    {"engine.azureml"},
    {"engine.client"},
    {"engine.driver", "engine.serving"},
    {"engine.show"},
    {"engine.explain"},
    {"engine.config", "engine.onnx", "engine.store"},
    {"engine.ensembles"},
    {"engine.evaluation", "engine.search"},
    {"engine.pipelines"},
    {"engine.data"},
    {"engine.metrics"},
    {"engine.deadline", "engine.pace", "engine.temporary", "engine.plain_values"},
    {"engine.callers", "engine.errors", "engine.model_copy", "engine.processes", "engine.uris"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
#: Rooms of `engine` that may import `cluster`.
MAY_IMPORT_CLUSTER = {
    "engine.azureml",
    "engine.cli",
    "engine.client",
    "engine.driver",
    "engine.migration",
    "engine.serving",
}
#: The packages that only some rooms import.
HOMES = {"ray": ("engine.driver", "engine.serving", "cluster"), "mlflow": ("engine.store",)}

#: Private attributes of libraries that have no public counterpart.
OF_LIBRARIES = {
    # os: ends a process without Python's functions for its exit.
    "_exit",
    # ray.serve: brings an application up without waiting for it, however long that takes.
    "_run",
    # threading: lets a thread be joined before the interpreter ends its thread pools.
    "_register_atexit",
    # Ray: Tune's loop hears that a call of a trial's actor has failed.
    "_actor_task_failed",
    # scikit-learn's histogram boosting: start values and trees.
    "_baseline_prediction",
    "_predictors",
}

LARGEST_FILE = 400
LONGEST_FUNCTION = 60
#: Functions that may be longer, each with its reason.
LONG_FUNCTIONS: dict[str, str] = {
    "engine.config.automl_config.AutoMLConfig.__init__": "the signature names all parameters",
    "engine.client.handover.HandedOverRun.deploy": "its parameters, and what each means",
}

FILES = sorted([*(ROOT / "engine").rglob("*.py"), *(ROOT / "cluster").rglob("*.py")])


def every_file(find: Callable[[Path], Iterable[str]]) -> Callable[[], None]:
    """Make a test of a function that yields what is wrong with a file; it looks at all files.

    One test a rule: thousands of tests that take no time take a while to be reported.
    """

    def look() -> None:
        wrong = [f"{file.relative_to(ROOT)}: {fault}" for file in FILES for fault in find(file)]
        assert wrong == []

    look.__doc__ = find.__doc__
    return look


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_module(file) for file in FILES}


def _room(module: str) -> str:
    """The room of a module of `engine`: its folder, or the module itself at the top."""
    return ".".join(module.split(".")[:2])


def _imports(file: Path) -> Iterator[str]:
    """Modules that a file imports, at whatever depth, for types too."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else str(node.module)


def _is_public_face(file: Path) -> bool:
    """The two top-level ``__init__`` files, which name what users import."""
    return file.name == "__init__.py" and file.parent.parent == ROOT


@every_file
def test_a_room_imports_lower_floors_only(file):
    room = _room(_module(file))
    if _is_public_face(file) or not room.startswith("engine."):
        return
    for module in _imports(file):
        other = _room(module)
        if other == room or not other.startswith("engine."):
            continue
        if other == "engine._version":
            continue
        if FLOOR_OF[room] >= FLOOR_OF[other]:
            yield f"imports {module}, which is no lower room"


@every_file
def test_cluster_and_engine_meet_at_few_places(file):
    room = _room(_module(file))
    if _is_public_face(file):
        return
    for module in _imports(file):
        package = module.split(".")[0]
        if room.startswith("engine.") and package == "cluster" and room not in MAY_IMPORT_CLUSTER:
            yield f"imports {module}"
        if room.startswith("cluster") and package == "engine" and module != "engine.errors":
            yield f"imports {module}"


@every_file
def test_ray_and_mlflow_stay_in_their_rooms(file):
    module = _module(file)
    for imported in _imports(file):
        homes = HOMES.get(imported.split(".")[0])
        if homes is not None and not module.startswith(homes):
            yield f"imports {imported}"


@every_file
def test_where_mlflow_writes_is_left_to_the_user(file):
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Attribute) and node.attr in (
            "set_tracking_uri",
            "set_registry_uri",
        ):
            yield f"{node.lineno}: calls {node.attr}"


def test_there_is_no_circle():
    """Module by module, imports for types and inside functions included."""
    graph = {
        _module(file): {m for m in _imports(file) if m in MODULES and m != _module(file)}
        for file in FILES
        if not _is_public_face(file)
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module in done:
            return
        for other in sorted(graph.get(module, ())):
            visit(other, (*path, module))
        done.add(module)

    for module in graph:
        visit(module, ())


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


@every_file
def test_nobody_reaches_for_the_private_parts_of_another_module(file):
    tree = _tree(file)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            ("engine", "cluster")
        ):
            private = [alias.name for alias in node.names if _is_private(alias.name)]
            if private and node.module != "engine":
                yield f"imports {private} of {node.module}"


@every_file
def test_private_attributes_are_those_of_the_file_itself(file):
    """Of raysmith's own objects: libraries' private attributes are theirs, see `OF_LIBRARIES`."""
    tree = _tree(file)
    own = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("self", "cls")
    }
    own |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    own |= {
        n.target.id
        for n in ast.walk(tree)
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }
    reached = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and _is_private(node.attr)
    }
    yield from (f"reaches for {name}" for name in sorted(reached - own - OF_LIBRARIES))


def _functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Qualified name and length in lines of each function."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                assert child.end_lineno is not None
                yield f"{prefix}{child.name}", child.end_lineno - child.lineno + 1
                yield from walk(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")
            else:
                yield from walk(child, prefix)

    yield from walk(tree, "")


@every_file
def test_files_and_functions_have_a_bearable_length(file):
    lines = len(file.read_text(encoding="utf-8").splitlines())
    if lines > LARGEST_FILE:
        yield f"{lines} lines"
    for name, length in _functions(_tree(file)):
        if length > LONGEST_FUNCTION and f"{_module(file)}.{name}" not in LONG_FUNCTIONS:
            yield f"{name} has {length} lines"


def test_the_list_of_long_functions_is_short_and_true():
    found = {
        f"{_module(file)}.{name}": length
        for file in FILES
        for name, length in _functions(_tree(file))
    }
    assert len(LONG_FUNCTIONS) <= 3
    for name, reason in LONG_FUNCTIONS.items():
        assert found[name] > LONGEST_FUNCTION, f"{name} is short enough now"
        assert reason


def test_every_room_has_a_floor_and_there_are_few():
    rooms = {_room(_module(f)) for f in FILES if _module(f).startswith("engine.")}
    assert rooms - {"engine._version"} == set(FLOOR_OF)
    folders = {f.parent for f in FILES}
    assert all((folder / "__init__.py").is_file() for folder in folders)
    packages = [folder for folder in folders if folder.parent.name in ("engine", "cluster")]
    assert len(packages) <= 22


def test_the_tests_mirror_the_source():
    """A folder of tests for each room; the tree of old module paths counts as one room."""
    for folder in {f.parent for f in FILES}:
        place = folder.relative_to(ROOT)
        if place.parts[:2] == ("engine", "azureml"):
            place = Path("engine", "azureml")
        parts = place.parts[1:] if place.parts[0] == "engine" else place.parts
        assert (ROOT / "tests" / Path(*parts)).is_dir(), f"no tests for {place}"
