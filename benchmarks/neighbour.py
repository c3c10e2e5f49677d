"""What a small question waits for while others ask the dearest ones that are permitted: p99, the longest, and how long
the event loop's thread computes without a turn of its loop."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.account import Size, write_account
from benchmarks.processes import LOAD_CORE, SERVER_CORE, Program, Running, free_port, running
from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder

SIZE = Size(environments=20, models=1000, runs=6)
MOST_MILLISECONDS = 50.0
MOST_COMPUTING = 40.0
_PAUSE_SECONDS = 0.004
_TIMES = 5


def _aliased(field: str, times: int = 20) -> str:
    return " ".join(f"a{n}: {field.replace('#', str(n))}" for n in range(times))


def _references(kind: str, ids: str) -> Mapping[str, Any]:
    keys = [{"__typename": kind, "id": ids.replace("#", str(n))} for n in range(5_000)]
    query = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }"
    return {"query": query, "variables": {"r": keys}}


_EQUAL = "slowestModels(first: 1000) { rank model { id } }"
_ORDERED = "models(first: 1000, orderBy: { field: RUNTIME }) { nodes { id runtime } }"
_RANKING = "slowestModels(first: 1#, filter: { minRuntime: 0.#1 }) { rank model { id } }"
_PAGE = "models(first: 5000) { nodes { id name uniqueId runtime tags materialization project { id name } } }"
_MISSPELT = 'model(id: "finance_01.stg_customers_daly_#x") { id }'
_TYPES = "__schema { types { name kind description fields { name description args { name } type { name kind } } } }"
HEAVY: Mapping[str, Mapping[str, Any]] = {
    "20 rankings, each with a filter of its own": {"query": f"{{ account {{ {_aliased(_RANKING)} }} }}"},
    "20 equal rankings": {"query": f"{{ account {{ {_aliased(_EQUAL)} }} }}"},
    "5 pages in the order of runtimes": {"query": f"{{ account {{ {_aliased(_ORDERED, 5)} }} }}"},
    "900 fields of one name": {"query": "{ account { models(first: 1000) { nodes { " + "__typename " * 900 + "} } } }"},
    "20 counts behind filters": {
        "query": f"{{ account {{ {_aliased('models(first: 1, filter: { maxRuntime: #.5 }) { totalCount }')} }} }}"
    },
    "5,000 models with their projects": {"query": f"{{ account {{ {_PAGE} }} }}"},
    "5,000 references to no model": _references("Model", "finance_01.n#"),
    "5,000 references to no job": _references("Job", "90000000#"),
    "20 misspelt ids": {"query": f"{{ {_aliased(_MISSPELT)} }}"},
    "introspection": {"query": f"{{ {_TYPES} }}"},
}


def run() -> bool:
    """Prints a line for each; whether the neighbour's p99 stays under 50 ms. The machine should have nothing to do."""
    with tempfile.TemporaryDirectory(prefix="neighbour-") as place:
        store = _store(Path(place))
        control = free_port()
        gateway = (sys.executable, "-m", "benchmarks.watched_gateway", str(control))
        command = (*gateway, "serve", "--store", store, "--port", "{port}")
        cores = frozenset({SERVER_CORE, LOAD_CORE})
        with running(Program(command, {"GATEWAY_RESPONSE_CACHE_BYTES": "0"}, cores)) as server:
            print(
                f"\nneighbour: {SIZE.environments} x {SIZE.models:,} models, embedded; at most {MOST_MILLISECONDS:g} ms"
            )
            # Each is measured, also behind one that takes too long.
            met = [_measure(server, control, name, body) for name, body in HEAVY.items()]
            return all(met)


def _store(place: Path) -> str:
    write_account(place / "account", SIZE)
    store = f"sqlite:///{place}/runs.db"
    archive = Archive.open(store)
    try:
        ingest_folder(archive, place / "account", keep_raw=False)
    finally:
        archive.close()
    return store


def _longest_stretch(control: int) -> float:
    """Milliseconds of computing without a turn of the loop, the longest since this was asked before."""
    with socket.create_connection(("127.0.0.1", control), timeout=10) as watch:
        return float(watch.recv(100))


def _measure(server: Running, control: int, name: str, body: Mapping[str, Any]) -> bool:
    waited: list[float] = []
    _longest_stretch(control)
    _ask(server.port, body)
    cold = _longest_stretch(control)
    ended = threading.Event()
    neighbour = threading.Thread(target=_keep_asking, args=(server.port, waited, ended))
    neighbour.start()
    began = time.perf_counter()
    for _ in range(_TIMES):
        _ask(server.port, body)
    seconds = (time.perf_counter() - began) / _TIMES
    ended.set()
    neighbour.join()
    waited.sort()
    p99, longest = waited[int(len(waited) * 0.99)] * 1000, waited[-1] * 1000
    computing = max(cold, _longest_stretch(control))
    met = p99 <= MOST_MILLISECONDS and computing <= MOST_COMPUTING
    said = "" if met else "  NOT MET"
    waits = f"neighbour p99 {p99:5.1f}, longest {longest:5.1f}, computing {computing:4.1f} ms"
    print(f"  {name:44} {seconds * 1000:7.0f} ms  {waits}{said}")
    return met


def _keep_asking(port: int, waited: list[float], ended: threading.Event) -> None:
    number = 0
    while not ended.is_set():
        began = time.perf_counter()
        _ask(port, {"query": f"{{ account {{ id }} }} # {number}"})
        waited.append(time.perf_counter() - began)
        number = (number + 1) % 500
        time.sleep(_PAUSE_SECONDS)


def _ask(port: int, body: Mapping[str, Any]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/graphql", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"the gateway answered with {answer.status}")
