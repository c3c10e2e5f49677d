"""The composers and the programs of the federation: started as processes, asked over HTTP."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.node import node

HERE = Path(__file__).parent
START_SECONDS = 90

Subgraphs = Mapping[tuple[str, str], str]
"""The SDL of each subgraph by its name and address."""


@dataclass(frozen=True)
class Composition:
    """What came of a composition: a supergraph, or the codes of why there is none."""

    supergraph: str | None
    errors: Sequence[Mapping[str, Any]]

    @property
    def codes(self) -> set[str]:
        return {error["code"] for error in self.errors}


def compose(composer: str, folder: Path, subgraphs: Subgraphs) -> Composition:
    """What the composer `apollo` or `guild` makes of subgraphs; `folder` takes their SDL as files."""
    arguments: list[str] = []
    for (name, address), sdl in subgraphs.items():
        path = folder / f"{name}.graphql"
        path.write_text(sdl, "utf-8")
        arguments += [name, address, str(path)]
    command = [str(node()), str(HERE / "compose.mjs"), composer, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS)
    assert done.returncode == 0, done.stderr
    return Composition(**json.loads(done.stdout))


@contextmanager
def running(folder: Path, label: str, *command: str) -> Iterator[str]:
    """A program that prints `label` and its address once it can be asked; killed in the end. Gives the address."""
    errors = folder / f"{label}.log"
    with errors.open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=_environment())
        impatience = threading.Timer(START_SECONDS, process.kill)
        impatience.start()
        try:
            assert process.stdout
            found = next(filter(None, (re.match(rf" *{label} +(http\S+)", line) for line in process.stdout)), None)
            assert found, f"{label} did not start: {errors.read_text()}"
            impatience.cancel()
            yield found[1]
        finally:
            impatience.cancel()
            process.kill()
            process.communicate()


def _environment() -> dict[str, str]:
    """The environment without the developer's settings, and without proxies between programs of one machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "DBT_"))}
    return {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
