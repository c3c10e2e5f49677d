"""Uses of a library's internals: one module each, below an upper bound, and what it relies on is there.

`docs/dependencies.md` lists them. What the fast path relies on in graphql-core and Strawberry is held in
tests/execution/test_seams.py as well.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import strawberry
import uvloop
from aiodataloader import DataLoader
from graphql import GraphQLSchema, Visitor
from graphql.execution import Executor
from graphql.execution.collect_fields import collect_fields, collect_subfields
from graphql.execution.values import get_argument_values, get_variable_values
from graphql.pyutils import suggestion_list
from graphql.utilities import validate_input_value
from prometheus_client import values
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.supervisors import Multiprocess
from websockets.server import ServerProtocol

from gateway.schema.build import build_schema
from gateway.schema.core_schema import core_schema

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gateway"

# What stands for the internals of a library in an import or an attribute, and the modules that may use it.
INTERNALS: dict[str, tuple[str, set[str]]] = {
    "uvicorn": (
        r"from uvicorn\.(protocols|config|supervisors)",
        {"http/server/uvicorn_internals.py"},
    ),
    "websockets": (r"(from|import) websockets", {"http/server/websocket.py"}),
    "uvloop": (r"import uvloop|from uvloop", {"http/server/accept_loop.py"}),
    "prometheus-client": (
        r"prometheus_client\.(values|metrics)|self\._(buckets|upper_bounds)\b",
        {"http/observability/counters.py", "http/observability/metrics.py"},
    ),
    "graphql-core": (
        r"from graphql\.|import graphql\b",
        {"execution/graphql_internals.py"},
    ),
    "strawberry-graphql": (
        r"from strawberry\.(schema\.schema_converter|types\.(arguments|field))|\._schema\._|schema\._schema\b",
        {"execution/fast_path/resolvers.py", "schema/core_schema.py"},
    ),
    "aiodataloader": (r"aiodataloader", {"loading/batching.py"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("package", INTERNALS)
def test_internals_are_used_in_the_modules_of_the_seam_alone(package: str) -> None:
    pattern, modules = INTERNALS[package]
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(pattern, path.read_text("utf-8"))
    }
    assert users == modules


# The modules that extend a library's class: they rely on METHODS and ATTRIBUTES below.
EXTENDING = {
    "Executor[Any]": {"execution/error_behavior.py", "local_platform/discovery/execution/column_executor.py"},
    "HttpToolsProtocol": {"http/server/http_protocol.py"},
    "FlowControl": {"http/server/http_protocol.py"},
    "WebSocketsSansIOProtocol": {"http/server/websocket.py"},
    "Multiprocess": {"http/server/server.py"},
}


EXTENDED_OF = {
    "graphql-core": EXTENDING["Executor[Any]"],
    "uvicorn": EXTENDING["HttpToolsProtocol"] | EXTENDING["WebSocketsSansIOProtocol"] | EXTENDING["Multiprocess"],
}


@pytest.mark.parametrize("base", EXTENDING)
def test_a_class_of_a_library_is_extended_in_the_modules_of_the_table_alone(base: str) -> None:
    extending = re.compile(rf"^class \w+\((.*, )?{re.escape(base)}[,)]", re.MULTILINE)
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if extending.search(path.read_text("utf-8"))
    }
    assert users == EXTENDING[base]


@pytest.mark.parametrize("package", INTERNALS)
def test_a_library_whose_internals_are_used_has_an_upper_bound_and_a_row_in_the_documentation(package: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (bound,) = [item for item in project["project"]["dependencies"] if re.split(r"[\[<>=;]", item)[0] == package]
    assert re.search(r",<\d", bound), bound
    page = (ROOT / "docs/dependencies.md").read_text("utf-8")
    section = page.split("## Internals of libraries")[1].split("\n## ")[0]
    rows = re.findall(rf"^\| `{re.escape(package)}` \| `gateway/([^`]+)` \|", section, re.MULTILINE)
    modules = INTERNALS[package][1] | EXTENDED_OF.get(package, set())
    assert rows
    assert all(any(module.startswith(row) for module in modules) for row in rows)
    assert all(any(module.startswith(row) for row in rows) for module in modules)


# The methods that are overridden or called, with their parameters.
METHODS: dict[type, dict[str, list[str]]] = {
    HttpToolsProtocol: {
        "__init__": ["config", "server_state", "app_state", "_loop"],
        "connection_made": ["transport"],
        "connection_lost": ["exc"],
        "data_received": ["data"],
        "on_message_begin": [],
        "on_url": ["url"],
        "on_header": ["name", "value"],
        "on_headers_complete": [],
        "on_body": ["body"],
        "on_message_complete": [],
        "on_response_complete": [],
        "shutdown": [],
        "pause_writing": [],
        "resume_writing": [],
        "timeout_keep_alive_handler": [],
        "_should_upgrade": [],
        "_unset_keepalive_if_required": [],
    },
    FlowControl: {
        "__init__": ["transport"],
        "drain": [],
        "pause_reading": [],
        "resume_reading": [],
    },
    WebSocketsSansIOProtocol: {
        "__init__": ["config", "server_state", "app_state", "_loop"],
        "connection_made": ["transport"],
        "connection_lost": ["exc"],
        "data_received": ["data"],
        "pause_writing": [],
        "resume_writing": [],
        "shutdown": [],
        "handle_events": [],
        "handle_connect": ["event"],
        "handle_cont": ["event"],
        "handle_text": ["event"],
        "handle_bytes": ["event"],
        "handle_ping": [],
        "handle_pong": ["event"],
        "handle_close": ["event"],
        "handle_parser_exception": [],
        "send_receive_event_to_app": [],
        "send": ["message"],
        "receive": [],
    },
    Multiprocess: {"__init__": ["config", "sockets"], "keep_subprocess_alive": []},
    ServerProtocol: {"receive_data": ["data"], "events_received": [], "fail": ["code", "reason"]},
    Executor: {
        "complete_iterable_value": [
            *("item_type", "field_details_list", "info", "path", "items", "position_context"),
        ],
    },
    Visitor: {"get_enter_leave_for_kind": ["kind"]},
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, methods in METHODS.items() for name in methods], ids=str
)
def test_a_method_that_is_overridden_or_called_has_its_parameters(kind: type, name: str) -> None:
    assert list(inspect.signature(getattr(kind, name)).parameters)[1:] == METHODS[kind][name]


# The attributes that are read or set, each of which the class itself assigns.
ATTRIBUTES: dict[type, set[str]] = {
    HttpToolsProtocol: {
        *{"app", "app_state", "client", "config", "cycle", "flow", "headers", "loop", "parser", "pipeline", "scope"},
        *{"server_state", "timeout_keep_alive", "timeout_keep_alive_task", "transport", "url"},
    },
    RequestResponseCycle: {"keep_alive", "response_complete", "response_started"},
    FlowControl: {"_transport", "read_paused", "write_paused"},
    WebSocketsSansIOProtocol: {
        *{"client", "close_sent", "conn", "curr_msg_data_type", "frames", "handshake_complete"},
        *{"handshake_initiated", "loop", "read_paused", "transport"},
    },
    Multiprocess: {"processes"},
}


@pytest.mark.parametrize("kind", ATTRIBUTES, ids=str)
def test_a_class_still_has_the_attributes_that_are_used(kind: type) -> None:
    assigned = set(re.findall(r"self\.(\w+)(?: *:[^=\n]+)? *=[^=]", inspect.getsource(kind)))
    assert assigned >= ATTRIBUTES[kind]


def test_a_socket_connection_of_websockets_shows_how_it_failed() -> None:
    connection = ServerProtocol()
    assert connection.parser_exc is None
    assert connection.close_sent is None


def test_the_exit_of_a_server_that_did_not_start_is_known() -> None:
    assert STARTUP_FAILURE == 3


def test_the_loop_of_uvloop_can_be_extended_where_connections_are_accepted() -> None:
    class Loop(uvloop.Loop):
        pass

    loop = Loop()
    try:
        assert inspect.iscoroutinefunction(loop.create_server)
        assert inspect.iscoroutinefunction(loop.connect_accepted_socket)
        described = [inspect.getdoc(method) or "" for method in (loop.create_server, loop.connect_accepted_socket)]
        assert "sock=None" in described[0]
        assert "(self, protocol_factory, sock, " in described[1]
    finally:
        loop.close()


def test_a_histogram_counts_in_its_own_buckets() -> None:
    histogram = prometheus_client.Histogram("seam", "A histogram.", buckets=(1.0, 2.0), registry=None)
    inside: Any = histogram
    assert inside._upper_bounds == [1.0, 2.0, float("inf")]
    assert len(inside._buckets) == 3
    inside._sum.inc(1.5)
    inside._buckets[1].inc(1)
    samples = {(one.name, *one.labels.values()): one.value for one in next(iter(histogram.collect())).samples}
    assert samples["seam_sum",] == 1.5
    assert (samples["seam_bucket", "1.0"], samples["seam_bucket", "2.0"], samples["seam_count",]) == (0, 1, 1)


def test_a_process_alone_counts_in_values_of_its_own() -> None:
    assert values.ValueClass is values.MutexValue


FUNCTIONS: dict[Callable[..., Any], list[str]] = {
    get_argument_values: ["type_def", "node", "variable_values"],
    get_variable_values: ["schema", "var_def_nodes", "inputs", "max_errors"],
    collect_fields: ["schema", "fragments", "variable_values", "runtime_type", "operation"],
    collect_subfields: ["schema", "fragments", "variable_values", "operation", "return_type"],
    convert_arguments: ["value", "arguments", "scalar_registry", "config"],
    suggestion_list: ["input_", "options"],
    validate_input_value: ["input_value", "type_", "on_error"],
    Executor.build: ["schema", "document", "root_value", "context_value", "raw_variable_values"],
    DataLoader.__init__: ["self", "batch_load_fn"],
    DataLoader.load: ["self", "key"],
}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
def test_a_function_takes_what_it_is_called_with(function: Callable[..., Any]) -> None:
    expected = FUNCTIONS[function]
    assert list(inspect.signature(function).parameters)[: len(expected)] == expected


def test_strawberry_keeps_its_schema_and_its_fields_where_they_are_looked_for() -> None:
    schema: strawberry.Schema = build_schema()
    core = core_schema(schema)
    assert isinstance(core, GraphQLSchema)
    assert core.query_type is not None
    definition = core.query_type.fields["account"].extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    assert {"is_basic_field", "base_resolver", "is_async", "extensions", "arguments"} <= set(dir(definition))
    assert {"info_parameter", "root_parameter", "parent_parameter", "self_parameter", "wrapped_func"} <= set(
        dir(definition.base_resolver)
    )
    assert hasattr(schema.config, "info_class")
