"""Holds the house together: rooms import only downwards, without cycles, and no file is a drawer for odds and ends.

`ROOMS` is the table of README.md, "How it is built", as code. A new room or a new direction is a decision: change both.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gateway"

# Every room and the rooms it may import. Anything may import `errors` and `telemetry`.
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "telemetry": set(),
    "concurrency": set(),
    "sql": set(),
    "settings": set(),
    "hierarchy": set(),
    "analysis": set(),
    "identity": {"hierarchy"},
    "caching": {"concurrency"},
    "services": {"hierarchy", "caching", "concurrency"},
    "purging": {"concurrency"},
    "history": {"hierarchy", "services", "archive", "concurrency"},
    "loading": {"hierarchy", "services", "concurrency"},
    "queries": {"hierarchy", "analysis", "services", "loading", "concurrency"},
    "schema": {"hierarchy", "analysis", "queries", "loading", "concurrency"},
    "execution": {"identity", "schema", "queries", "loading", "services", "caching", "concurrency"},
    "http": {"execution", "identity", "hierarchy", "concurrency"},
    "mcp": {"http", "execution", "identity"},
    "archive": {"analysis", "concurrency", "sql"},
    "ingest": {"archive"},
    "mirror": {"archive", "ingest", "services"},
    "alerts": {"archive", "hierarchy", "services", "loading", "queries", "concurrency"},
    "local_platform": {"archive", "concurrency", "hierarchy"},
    "wiring": {
        *{"settings", "http", "mcp", "identity", "services", "caching", "hierarchy", "purging"},
        *{"local_platform", "ingest", "archive", "history", "mirror", "execution", "schema", "concurrency"},
        *{"alerts", "loading"},
    },
    "doctor": {"hierarchy", "services"},
    "discovery_api": {"hierarchy", "analysis", "services", "queries", "loading", "settings", "concurrency", "wiring"},
    "app": {
        *{"wiring", "settings", "http", "mcp", "execution", "schema", "services"},
        *{"caching", "hierarchy", "concurrency"},
    },
    "cli": {
        *{"app", "doctor", "wiring", "settings", "local_platform", "ingest", "archive", "http", "schema", "identity"},
        "mirror",
        "alerts",
        "mcp",
        "discovery_api",
    },
    "__main__": {"cli"},
}
OPEN_TO_ALL = {"errors", "telemetry"}

# The rooms within a room that has many files, and those of them that each may import. A file beside them is one, too.
ROOMS_WITHIN: dict[str, dict[str, set[str]]] = {
    "archive": {
        "times": set(),
        "months": {"times"},
        "folders": set(),
        "tables": set(),
        "api_facts": set(),
        "artifacts": {"times"},
        "columnar": {"months", "tables"},
        "rollups": {"artifacts", "columnar", "months", "tables"},
        "result_months": {"months", "tables"},
        "writing": {"artifacts", "columnar", "result_months", "rollups", "tables", "times"},
        "changes": {"artifacts", "columnar", "rollups", "tables", "times"},
        "migrations": {
            *{"api_facts", "artifacts", "changes", "result_months", "rollups", "tables", "times", "writing"}
        },
        "archive": {"columnar", "migrations", "tables", "times"},
        "retention": {"archive", "columnar", "months", "result_months", "rollups", "tables"},
        "changes_upkeep": {"archive", "changes", "rollups", "tables"},
        "reading": {"artifacts", "changes", "columnar", "months", "rollups", "tables"},
        "exports": {"archive", "artifacts", "columnar", "folders", "months", "reading", "tables", "times"},
        "compaction": {"archive", "columnar", "exports", "folders", "months", "tables", "times"},
        "reader": {"archive", "columnar"},
        "leases": {"archive"},
        "mirrored_runs": {"leases", "tables"},
        "alert_log": {"tables"},
    },
    "hierarchy": {
        "measures": set(),
        "vocabulary": set(),
        "objects": {"measures", "vocabulary"},
        "filters": {"objects", "vocabulary"},
        "history": {"measures", "objects", "vocabulary"},
        "runs": {"objects", "vocabulary"},
        "analysis": {"filters", "measures", "objects", "vocabulary"},
        "ids": {"filters", "objects", "vocabulary"},
        "resources": {"filters", "objects", "vocabulary"},
        "lists": {"filters", "ids", "objects", "vocabulary"},
        "rankings": {"history", "lists", "measures", "objects", "vocabulary"},
    },
    "services": {
        "rows": set(),
        "transport": set(),
        "discovery": {"rows", "transport"},
        "resilience": {"transport"},
        "environments": {"discovery", "rows"},
        "runs": {"discovery", "environments", "rows", "transport"},
        "models": {"discovery", "environments", "rows", "runs"},
        "resources": {"discovery", "environments", "rows", "runs"},
        "admin": {"discovery", "environments", "models", "rows", "runs", "transport"},
        "changes": {"admin", "environments", "runs"},
        "bundle": {
            "admin",
            "changes",
            "discovery",
            "environments",
            "models",
            "resilience",
            "resources",
            "runs",
            "transport",
        },
        "tokens": {"bundle", "transport"},
    },
    "queries": {
        "projects": set(),
        "models": {"projects"},
        "jobs": {"models", "projects"},
        "resources": {"models", "projects"},
        "rankings": {"jobs", "models", "projects"},
        "runs": {"jobs", "projects"},
        "analysis": {"jobs", "models", "projects", "runs"},
        "changes": {"jobs", "models", "projects", "resources", "runs"},
        "live": {"changes", "jobs", "projects"},
    },
    "schema": {
        "context": set(),
        "lazy": set(),
        "vocabulary": set(),
        "core_schema": set(),
        "inputs": {"vocabulary"},
        "lists": {"inputs"},
        "measures": {"vocabulary"},
        "resources": {"context", "inputs", "lazy", "lists", "vocabulary"},
        "results": {"context", "inputs", "lazy", "lists", "vocabulary"},
        "analysis": {"context", "inputs", "lazy", "lists", "measures", "resources", "results", "vocabulary"},
        "objects": {"analysis", "context", "inputs", "lazy", "lists", "measures", "resources", "results", "vocabulary"},
        "roots": {"analysis", "context", "inputs", "objects", "resources", "vocabulary"},
        "build": {"analysis", "core_schema", "resources", "results", "roots"},
    },
    "local_platform/discovery": {
        "nodes": set(),
        "fields": {"nodes"},
        "lists": {"fields", "nodes"},
        "roots": {"fields", "lists", "nodes"},
        "schema": {"fields", "roots"},
        "execution": {"fields", "lists", "nodes", "schema"},
    },
}

# Imports for the type checker alone, which break the circle of types that refer to each other.
NAMED_FOR_TYPES_ALONE = {"gateway/schema/lazy.py"}

# Frameworks that a room must not know, beyond its neighbours.
FOREIGN: dict[str, set[str]] = {
    "hierarchy": {
        "strawberry",
        "starlette",
        "graphql",
        "gql",
        "aiohttp",
        "sqlalchemy",
        "pydantic",
        "msgspec",
        "asyncio",
    },
    "analysis": {
        "strawberry",
        "starlette",
        "graphql",
        "gql",
        "aiohttp",
        "sqlalchemy",
        "pydantic",
        "msgspec",
        "asyncio",
    },
    "services": {"strawberry", "starlette", "sqlalchemy", "uvicorn"},
    "caching": {"strawberry", "starlette", "graphql", "gql", "aiohttp"},
    "identity": {"strawberry", "starlette", "graphql", "gql", "sqlalchemy", "uvicorn"},
    "execution": {"starlette", "uvicorn", "gql", "aiohttp", "sqlalchemy"},
    "queries": {"strawberry", "starlette", "uvicorn", "gql", "aiohttp", "sqlalchemy"},
    "archive": {"strawberry", "starlette", "graphql", "gql", "aiohttp", "uvicorn"},
    "ingest": {"strawberry", "starlette", "graphql", "gql", "aiohttp", "uvicorn"},
    "alerts": {"strawberry", "starlette", "graphql", "gql", "uvicorn"},
    "mirror": {"strawberry", "starlette", "graphql", "gql", "aiohttp", "uvicorn"},
    "loading": {"starlette", "uvicorn", "gql", "aiohttp", "sqlalchemy"},
    "schema": {"starlette", "uvicorn", "gql", "aiohttp", "sqlalchemy"},
    "http": {"gql", "aiohttp", "sqlalchemy", "strawberry"},
    "discovery_api": {"strawberry", "starlette"},
}

# Who may know that a run is synchronous (docs/fast-path.md): the tools that wait, the two places that facts come from,
# and the attempt itself. Everywhere else `await` means what it means in asyncio.
SYNCHRONOUS = {
    "caching/derived_cache.py",
    "caching/facts.py",
    "concurrency/checkpoints.py",
    "concurrency/gathering.py",
    "execution/executor.py",
    "execution/fast_path/synchronous.py",
    "loading/batching.py",
}

DRAWERS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "core", "shared"}
LONGEST_MODULE = 400
LONGEST_FUNCTION = 45
MOST_POSITIONAL = 5


@cache
def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def text_of(path: Path) -> str:
    return path.read_text("utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    """A module is read once for all tests of this file; they must not change what they get."""
    return ast.parse(text_of(path))


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(tree_of(path)))


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_names(path: Path) -> list[str]:
    """Dotted names of everything a module imports, wherever in the module it does."""
    return names_of_imports(nodes_of(path))


def names_of_imports(nodes: Iterable[ast.AST]) -> list[str]:
    names: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@cache
def imported_rooms(path: Path) -> set[str]:
    parts = [name.split(".") for name in imported_names(path)]
    return {name[1] for name in parts if name[0] == "gateway" and len(name) > 1 and is_room(name[1])}


@cache
def is_room(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_importing_the_package_does_not_import_its_rooms() -> None:
    assert imported_rooms(PACKAGE / "__init__.py") == set()


def test_every_room_is_in_the_table() -> None:
    strangers = [name_of(path) for path in modules() if room_of(path) not in {*ROOMS, "__init__"}]
    assert not strangers, "in a room that is not in the table"


def test_a_module_imports_only_its_own_room_and_rooms_below_it() -> None:
    faults = []
    for path in modules():
        room = room_of(path)
        foreign = imported_rooms(path) - ROOMS.get(room, set()) - OPEN_TO_ALL - {room}
        if foreign:
            faults.append(f"{name_of(path)} in room {room} imports {sorted(foreign)}")
    assert not faults, "\n".join(faults)


def test_rooms_within_a_room_import_as_their_table_says() -> None:
    for room, table in ROOMS_WITHIN.items():
        tuple(TopologicalSorter(table).static_order())
        used: dict[str, set[str]] = {}
        for path in (PACKAGE / room).rglob("*.py"):
            inner = path.relative_to(PACKAGE / room).parts[0].removesuffix(".py")
            names = set() if name_of(path) in NAMED_FOR_TYPES_ALONE else imported_names(path)
            parts = [name.split(".") for name in names]
            here = ["gateway", *room.split("/")]
            targets = {name[len(here)] for name in parts if name[: len(here)] == here and len(name) > len(here)}
            used.setdefault(inner, set()).update(targets - {inner})
        assert {"__init__": set(), **table} == used, f"rooms within {room}"


def test_a_module_knows_only_the_frameworks_of_its_room() -> None:
    faults = []
    for path in modules():
        foreign = {name.split(".")[0] for name in imported_names(path)} & FOREIGN.get(room_of(path), set())
        if foreign:
            faults.append(f"{name_of(path)} in room {room_of(path)} imports {sorted(foreign)}")
    assert not faults, "\n".join(faults)


def test_every_direction_that_is_allowed_is_used() -> None:
    used: dict[str, set[str]] = {}
    for path in modules():
        used.setdefault(room_of(path), set()).update(imported_rooms(path))
    unused = {room: sorted(below - used.get(room, set())) for room, below in ROOMS.items()}
    assert not {room: below for room, below in unused.items() if below}


def test_the_table_of_rooms_has_no_cycles() -> None:
    tuple(TopologicalSorter(ROOMS).static_order())


def test_nobody_imports_the_composition_root_or_the_command_line() -> None:
    allowed = {"app": {"cli"}, "cli": {"__main__"}}
    for target, importers in allowed.items():
        found = {room_of(path) for path in modules() if target in imported_rooms(path)} - {target}
        assert found <= importers, f"{target} is imported by {sorted(found)}"


# GraphQL's types refer to each other, and so do the classes of the Python library that stand for them.
RECURSIVE_TYPES = {
    "schema/lazy.py",
    "discovery_api/api/resources/model.py",
    "discovery_api/api/resources/run.py",
    "discovery_api/asynchronous/model.py",
    "discovery_api/asynchronous/run.py",
}
# pandas, polars and pyarrow, which most do not install.
OPTIONAL_LIBRARIES = {"discovery_api/frames.py"}
# What takes long to import and only some sources of data need: redis, starlette, reading folders.
SLOW_LIBRARIES = {
    "caching/shared_reading.py",
    "caching/tiers.py",
    "cli/terminal.py",
    "services/bundle.py",
    "services/resilience/shared_token_bucket.py",
    "wiring/upstream.py",
}


def test_imports_for_types_alone_hide_no_circle() -> None:
    hiding = {str(path.relative_to(PACKAGE)) for path in modules() if "TYPE_CHECKING" in text_of(path)}
    assert hiding == RECURSIVE_TYPES | OPTIONAL_LIBRARIES | SLOW_LIBRARIES


def test_modules_of_one_room_do_not_import_each_other_in_circles() -> None:
    graph: dict[str, set[str]] = {}
    for path in modules():
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        graph[name] = {target for target in runtime_imports(path) if target != name}
    tuple(TopologicalSorter(graph).static_order())


def runtime_imports(path: Path) -> set[str]:
    """Modules of the package that a module needs when it is loaded: not those under `if TYPE_CHECKING`."""
    found = set()
    for node in tree_of(path).body:
        for name in names_of_imports(ast.walk(node)) if isinstance(node, ast.Import | ast.ImportFrom) else []:
            parts = name.split(".")
            longest = next((parts[:end] for end in range(len(parts), 1, -1) if is_module(*parts[:end])), None)
            if parts[0] == "gateway" and longest:
                found.add(".".join(longest))
    return found


@cache
def is_module(*parts: str) -> bool:
    path = ROOT.joinpath(*parts)
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_no_file_is_a_drawer_for_odds_and_ends() -> None:
    assert not [str(path) for path in modules() if path.stem.strip("_") in DRAWERS]


def test_modules_and_functions_stay_readable() -> None:
    faults = []
    for path in modules():
        lines = text_of(path).count("\n")
        if lines > LONGEST_MODULE:
            faults.append(f"{name_of(path)} has {lines} lines")
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                faults += [f"{name_of(path)}: {fault}" for fault in function_faults(node)]
    assert not faults, "\n".join(faults)


def function_faults(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    positional = [a for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in ("self", "cls")]
    faults = []
    if lines > LONGEST_FUNCTION:
        faults.append(f"{function.name} has {lines} lines")
    # A GraphQL resolver's arguments are the field's arguments; they arrive by name.
    if len(positional) > MOST_POSITIONAL and room_takes_names(function):
        faults.append(f"{function.name} takes {len(positional)} positional parameters")
    return faults


def room_takes_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return not any("strawberry" in ast.unparse(decorator) for decorator in function.decorator_list)


def test_every_module_says_what_it_owns() -> None:
    silent = [path for path in modules() if text_of(path).strip() and not ast.get_docstring(tree_of(path))]
    assert not [name_of(path) for path in silent]


# Who drops its oldest entries by itself, in place of gateway.concurrency.bounded_map, and why.
OWN_EVICTION = {
    "concurrency/bounded_map.py": "the one that the others use",
    "hierarchy/lists/model_index.py": "hierarchy imports no other room",
    "http/streaming/live_connections.py": "the oldest introduction is closed, not only dropped",
    "services/resilience/request_budget.py": "a queue of callers who take turns, not a cache",
    "services/tokens/token_services.py": "services are closed when they leave, and stay while somebody listens to them",
}


def test_one_map_drops_its_oldest_entries() -> None:
    dropping = re.compile(r"\bOrderedDict\b|\.popitem\(|\bdel \S+\[next\(iter\(|\(next\(iter\(self\._")
    owners = {str(path.relative_to(PACKAGE)) for path in modules() if dropping.search(text_of(path))}
    assert owners == OWN_EVICTION.keys()


def test_one_module_makes_sql_engines_and_begins_their_transactions() -> None:
    making = re.compile(r"\bcreate_engine\b|PRAGMA busy_timeout|pg_advisory")
    makers = {str(path.relative_to(PACKAGE)) for path in modules() if making.search(text_of(path))}
    assert makers == {"sql/transactions.py"}


# Who begins a task in place of gateway.concurrency.background_tasks: each holds the one task, and awaits or ends it.
OWN_TASKS = {
    "concurrency/background_tasks.py": "the owner that the others use",
    "caching/facts.py": "a flight is held by its keys, and awaited by whoever asks for one of them",
    "execution/piecewise_executor.py": "fields of one answer, awaited together",
    "http/streaming/stream_response.py": "the next part of one response, beside its end",
    "http/streaming/websocket_handler.py": "the reader and the operations of one connection",
    "http/webhooks.py": "an event's work is held by its id, for dbt's repeats of it",
    "identity/key_set.py": "one reading, awaited by all who need a key",
    "services/changes/change_poller.py": "one poller, cancelled when the last listener leaves",
    "services/models/prefetcher.py": "a reading is held by its environments, and awaited by whoever needs it",
    "services/resilience/request_budget.py": "one pump, held while callers wait in line",
    "wiring/readiness.py": "one check, awaited by all probes",
}


def test_one_class_owns_tasks_that_nobody_awaits() -> None:
    begins = re.compile(r"\bcreate_task\(|\bensure_future\(")
    owners = {str(path.relative_to(PACKAGE)) for path in modules() if begins.search(text_of(path))}
    assert owners == OWN_TASKS.keys()


def test_only_settings_reads_the_environment() -> None:
    readers = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        if any(name in {"os.environ", "os.getenv"} for name in attributes(path))
    }
    assert readers <= {"settings/settings.py", "settings/alerting.py"}


def attributes(path: Path) -> list[str]:
    dotted = [
        f"{node.value.id}.{node.attr}"
        for node in nodes_of(path)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    ]
    return dotted + imported_names(path)


def test_nothing_is_written_into_what_is_frozen() -> None:
    """A frozen dataclass may fill its derived fields while it is made. Whatever is made later, and kept, belongs into a
    class that says so."""
    for path in modules():
        nodes = nodes_of(path)
        for outer in nodes:
            if isinstance(outer, ast.ClassDef) and _is_frozen(outer):
                kept = [ast.unparse(one) for method in outer.body for one in getattr(method, "decorator_list", ())]
                assert "cached_property" not in kept, f"{path.name}: {outer.name} keeps what it derives"
        making = {
            id(inner)
            for outer in nodes
            if isinstance(outer, ast.FunctionDef) and outer.name in ("__init__", "__post_init__")
            for inner in ast.walk(outer)
        }
        written = [getattr(node, "lineno", 0) for node in nodes if _goes_round_a_class(node) and id(node) not in making]
        assert written == [], f"{path.name} writes past a class at {written}"


def _is_frozen(one: ast.ClassDef) -> bool:
    return any("frozen=True" in ast.unparse(decorator) for decorator in one.decorator_list)


def _goes_round_a_class(node: ast.AST) -> bool:
    """`object.__setattr__`, or a change of a `__dict__` of its own."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.ctx, ast.Store) and ast.unparse(node.value).endswith("__dict__")
    if not isinstance(node, ast.Attribute) or node.attr not in ("__setattr__", "update", "setdefault"):
        return False
    return ast.unparse(node) in ("object.__setattr__", "self.__dict__.update", "self.__dict__.setdefault")


def test_few_modules_know_that_a_run_is_synchronous() -> None:
    knowing = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        if any(name.startswith("gateway.concurrency.only_if_cached") for name in imported_names(path))
    }
    assert knowing == SYNCHRONOUS


# One thing that has several parts: an address, a key of a cache, an entry that is sorted.
ONE_THING = {"client", "place", "counted"}


def test_arguments_go_by_name_and_not_by_their_place_in_a_tuple() -> None:
    """The limit on positional parameters is no reason to put several into one."""
    grouped = []
    for path in modules():
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                tuples = [one.arg for one in arguments if one.annotation and _has_places(one.annotation)]
                grouped += [f"{name_of(path)}: {node.name}({one})" for one in tuples if one not in ONE_THING]
    assert not grouped


def _has_places(annotation: ast.expr) -> bool:
    text = ast.unparse(annotation)
    return text.startswith("tuple[") and "..." not in text
