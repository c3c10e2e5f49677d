"""Threads that meet new struct types together: with msgspec's own functions that ends the process."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from gateway.concurrency.struct_decoders import json_decoder, msgpack_decoder

ROOT = Path(__file__).parents[2]
THREADS = 8
TYPES = 150
BODY = {"rows": [{"name": "a"}], "by_name": {"b": {"count": 2}}}


def meet_new_types() -> None:
    """Each round makes a struct type and has all threads decode their first value of it."""
    sys.setswitchinterval(1e-6)
    for _ in range(TYPES):
        row = msgspec.defstruct("Row", [("name", str | None, None), ("count", int | None, None)])
        table = msgspec.defstruct("Table", [("rows", list[row]), ("by_name", dict[str, row])])  # type: ignore[valid-type]
        start = threading.Barrier(THREADS)

        def decode(shape: type = table, start: threading.Barrier = start) -> None:
            start.wait()
            json_decoder(shape).decode(msgspec.json.encode(BODY))
            msgpack_decoder(shape).decode(msgspec.msgpack.encode(BODY))

        threads = [threading.Thread(target=decode) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@pytest.mark.slow
def test_threads_that_meet_new_types_together_read_them() -> None:
    program = "from tests.concurrency.test_struct_decoders import meet_new_types; meet_new_types(); print('read')"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr


def test_a_type_has_one_decoder() -> None:
    assert json_decoder(dict[str, int]) is json_decoder(dict[str, int])
    assert json_decoder(dict[str, int]).decode(b'{"a": 1}') == {"a": 1}
