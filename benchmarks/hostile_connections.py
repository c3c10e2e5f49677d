"""What hostile clients cost a gateway and its other callers: memory, and the latency of a neighbour, attack by attack.

    python -m benchmarks.hostile_connections [--only pings,...] [--seconds 8]

Starts `gateway serve` over the demo for each attack. A neighbour asks `/livez` and a small query, each on a new
connection, all the while. Prints a table in Markdown: resident memory before, highest and afterwards in MiB, the
neighbour's waits in milliseconds (median, 99th percentile, longest), the most that the gateway computed during one of
them, and how many of their requests were not answered by 200. On a busy machine the waits say how long the gateway
waited for a processor too; what it computed does not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_HOST = "127.0.0.1"
_HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
)
_QUERY = b'{"query":"{account{id}}"}'
_ROUND_SECONDS = 0.02
_PATIENCE = 60.0


def _post(body: bytes, headers: bytes = b"") -> bytes:
    head = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" + headers
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _chunked(*parts: bytes) -> bytes:
    head = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return (
        head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    )


def frame(opcode: int, data: bytes = b"", *, final: bool = True) -> bytes:
    """A WebSocket frame of a client, of at most 125 bytes; its mask leaves the bytes as they are."""
    return bytes([final << 7 | opcode, 0x80 | len(data)]) + bytes(4) + data


@dataclass
class Attacked:
    """A gateway under attack: its port, its process, and the attacker's open connections."""

    port: int
    pid: int
    seconds: float
    opened: list[socket.socket] = field(default_factory=list)

    def connect(self, receive_buffer: int | None = None) -> socket.socket:
        one = socket.socket()
        if receive_buffer is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        one.settimeout(2)
        one.connect((_HOST, self.port))
        self.opened.append(one)
        return one

    def flood(self, one: socket.socket, piece: bytes, most_bytes: int = 700_000_000) -> None:
        """Sends a piece again and again until the time is up, or nobody takes it."""
        until, sent = time.monotonic() + self.seconds, 0
        while time.monotonic() < until and sent < most_bytes:
            one.sendall(piece)
            sent += len(piece)

    def resident(self) -> int:
        """MiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) // 1024
        return 0


def _many(attacked: Attacked, data: bytes, count: int = 1010) -> None:
    for _ in range(count):
        one = attacked.connect()
        if data:
            one.sendall(data)
    time.sleep(attacked.seconds)


def _unreadable_handshakes(attacked: Attacked) -> None:
    _many(attacked, _HANDSHAKE + b"Content-Length: 5\r\n\r\n")


def _silent(attacked: Attacked) -> None:
    _many(attacked, b"")


def _trailers(attacked: Attacked) -> None:
    one = attacked.connect()
    one.sendall(_chunked(_QUERY) + b"0\r\n")
    attacked.flood(one, (b"x: " + b"a" * 60000 + b"\r\n") * 16)


def _pipelined(attacked: Attacked, connections: int = 1) -> None:
    for _ in range(connections):
        one = attacked.connect(receive_buffer=4096)
        with contextlib.suppress(OSError):
            one.sendall(b"GET / HTTP/1.1\r\nHost:a\r\n\r\n" * 10_000)
    time.sleep(attacked.seconds)


def _socket(attacked: Attacked, receive_buffer: int | None = None) -> socket.socket:
    one = attacked.connect(receive_buffer)
    one.sendall(_HANDSHAKE + b"\r\n")
    one.recv(1000)
    return one


def _empty_frames(attacked: Attacked) -> None:
    attacked.flood(_socket(attacked), frame(10) * 43_000)


def _empty_fragments(attacked: Attacked) -> None:
    one = _socket(attacked)
    one.sendall(frame(1, final=False))
    attacked.flood(one, frame(0, final=False) * 43_000)


def _pings(attacked: Attacked) -> None:
    attacked.flood(_socket(attacked, receive_buffer=4096), frame(9, b"p" * 125) * 2000)


def _small_chunks(attacked: Attacked) -> None:
    one = attacked.connect()
    one.sendall(_chunked(b" "))
    attacked.flood(one, b"1\r\n \r\n" * 40_000)


def _strangers(attacked: Attacked) -> None:
    """As many sockets as there are places, opened again when they are closed; nobody introduces themselves."""
    until = time.monotonic() + attacked.seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            for _ in range(510):
                attacked.connect().sendall(_HANDSHAKE + b"\r\n")
        time.sleep(1)


def _introspection(attacked: Attacked) -> None:
    full = (
        "types{kind name description fields(includeDeprecated:true){name description isDeprecated deprecationReason "
        "args{name description defaultValue type{kind name ofType{kind name ofType{name}}}} type{kind name ofType{kind "
        "name ofType{kind name}}}} inputFields{name description defaultValue type{name}} enumValues{name description} "
        "interfaces{name} possibleTypes{name}}"
    )
    query = "{" + "".join(f"a{number}:__schema{{{full}}}" for number in range(19)) + "}"
    one = attacked.connect()
    one.settimeout(_PATIENCE)
    one.sendall(_post(json.dumps({"query": query}).encode(), b"Connection: close\r\n"))
    while one.recv(1 << 20):
        pass


ATTACKS: dict[str, Callable[[Attacked], None]] = {
    "1,010 handshakes that cannot be read": _unreadable_handshakes,
    "1,010 silent connections": _silent,
    "trailers": _trailers,
    "10,000 pipelined requests": _pipelined,
    "the same on 20 connections": lambda attacked: _pipelined(attacked, 20),
    "empty frames": _empty_frames,
    "empty fragments": _empty_fragments,
    "pings, nothing read": _pings,
    "chunks of one byte": _small_chunks,
    "510 sockets of strangers": _strangers,
    "19 introspections in one query": _introspection,
}


@dataclass
class Neighbour:
    """Somebody else, who asks all the while; waits and what the process `pid` computed meanwhile, in milliseconds."""

    port: int
    pid: int
    livez: list[float] = field(default_factory=list)
    query: list[float] = field(default_factory=list)
    computed: list[float] = field(default_factory=list)
    failed: int = 0
    _stop: bool = False

    def run(self) -> None:
        while not self._stop:
            self.failed += not self._ask(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", self.livez)
            self.failed += not self._ask(_post(_QUERY), self.query)
            time.sleep(_ROUND_SECONDS)

    def forget(self) -> None:
        """What was measured so far."""
        self.livez, self.query, self.computed, self.failed = [], [], [], 0

    def stop(self) -> None:
        self._stop = True

    def _ask(self, request: bytes, waits: list[float]) -> bool:
        began, computed = time.monotonic(), self._computed()
        try:
            with socket.create_connection((_HOST, self.port), _PATIENCE) as one:
                one.sendall(request)
                answer = one.recv(65536)
        except OSError:
            answer = b""
        waits.append(1000 * (time.monotonic() - began))
        self.computed.append(self._computed() - computed)
        return answer.startswith(b"HTTP/1.1 200 ")

    def _computed(self) -> float:
        """Of the main thread, in which the event loop runs."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e6


def _spread(waits: list[float]) -> str:
    """Median, 99th percentile and longest."""
    if not waits:
        return "–"
    ordered = sorted(waits)
    return " / ".join(f"{ordered[int((len(ordered) - 1) * share)]:,.0f}" for share in (0.5, 0.99, 1))


@contextlib.contextmanager
def _gateway() -> Iterator[tuple[int, int]]:
    with socket.socket() as free:
        free.bind((_HOST, 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gateway", "serve", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)) as run:
        try:
            _wait_for(port)
            yield port, run.pid
        finally:
            run.kill()


def _wait_for(port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((_HOST, port), 5) as one:
            one.settimeout(_PATIENCE)
            one.sendall(_post(_QUERY))
            if one.recv(100):
                return
        time.sleep(0.1)


def measure(name: str, seconds: float) -> str:
    """One attack; its line of the table."""
    with _gateway() as (port, pid):
        attacked = Attacked(port, pid, seconds)
        neighbour = Neighbour(port, pid)
        asking = threading.Thread(target=neighbour.run, daemon=True)
        asking.start()
        time.sleep(1)
        neighbour.forget()
        before = highest = attacked.resident()
        attack = threading.Thread(target=_attempt, args=(ATTACKS[name], attacked), daemon=True)
        attack.start()
        while attack.is_alive():
            highest = max(highest, attacked.resident())
            time.sleep(0.02)
        neighbour.stop()
        asking.join(_PATIENCE)
        for one in attacked.opened:
            one.close()
        time.sleep(0.5)
        waits = f"{_spread(neighbour.livez)} | {_spread(neighbour.query)} | {max(neighbour.computed, default=0):,.0f}"
        failed = f"{neighbour.failed} of {len(neighbour.computed)}"
        return f"| {name} | {before} → {highest} → {attacked.resident()} | {waits} | {failed} |"


def _attempt(attack: Callable[[Attacked], None], attacked: Attacked) -> None:
    # Being cut off is what should happen.
    with contextlib.suppress(OSError):
        attack(attacked)


def main() -> None:
    """Runs the attacks whose names contain one of those asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="parts of names, by commas")
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    print("| attack | MiB before → highest → after | /livez, ms | query, ms | most computed, ms | not answered |")
    print("|---|---|---|---|---|---|")
    for name in ATTACKS:
        if any(part in name for part in options.only.split(",")):
            print(measure(name, options.seconds), flush=True)


if __name__ == "__main__":
    main()
