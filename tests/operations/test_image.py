"""The Dockerfile's steps, one by one as they stand there, below a folder in place of an image's root.

Only read, as they need a container engine: the base image, `useradd`, `WORKDIR` of the second stage and the interval of
the health check. Read-only is shown by a user who may write nowhere but in his home and a folder for temporary files.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from string import Template

import pytest

from gateway.http.server.server import GRACE_SECONDS
from tests.operations.test_deployment import ROOT, instructions
from tests.sharing.conftest import free_port

pytestmark = [pytest.mark.external, pytest.mark.slow, pytest.mark.nightly]

USER = 10_001
# What of the base image is a path of ours; the rest of a command is as it stands.
PATHS = re.compile(r"(?<![\w./*-])/(opt|dist|src)\b")


class Image:
    """A folder in place of the root, and what the instructions have set so far."""

    def __init__(self, root: Path, python: str) -> None:
        self.root = root
        self.folder = root
        (root / "bin").mkdir()
        (root / "bin/python").symlink_to(python)
        self.environment = {"PATH": f"{root}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(root / "home")}
        # Where packages are downloaded from here.
        self.environment |= {
            name: value for name, value in os.environ.items() if name.startswith(("PIP_", "NPM_", "npm_"))
        }
        self.ran: list[str] = []

    def place(self, text: str) -> str:
        """A text with the image's paths as they are here."""
        return PATHS.sub(rf"{self.root}/\1", text)

    def env(self, rest: str) -> None:
        for name, value in re.findall(r"(\w+)=(\S+)", rest):
            self.environment[name] = Template(self.place(value)).substitute(self.environment)

    def workdir(self, rest: str) -> None:
        self.folder = Path(self.place(rest))
        self.folder.mkdir(parents=True, exist_ok=True)

    def copy(self, rest: str) -> None:
        source, target = rest.split()
        if source == ".":
            copy_context(self.folder)
        else:
            shutil.copytree(ROOT / source, self.folder / target)

    def run(self, rest: str) -> None:
        command = self.place(rest)
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"RUN {command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        self.ran.append(rest)


def copy_context(folder: Path) -> None:
    """`COPY . .`: what .dockerignore lets in."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").split()
    let_in = [line[1:] for line in lines if line.startswith("!")]
    left_out = [line.removeprefix("**/") for line in lines[1:] if not line.startswith("!")]

    def ignored(place: str, names: list[str]) -> set[str]:
        inside = Path(place).relative_to(ROOT)
        return {name for name in names if any(fnmatch(str(inside / name), one) or name == one for one in left_out)}

    for name in let_in:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, folder / name)


def interpreter() -> str:
    """A Python that the image's user may start too: one in root's home he may not."""
    candidates = [
        getattr(sys, "_base_executable", sys.executable),
        *map(str, sorted(Path("/usr/bin").glob("python3.1?"))),
    ]
    for python in candidates:
        check = "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"
        user = {"user": USER, "group": USER} if os.geteuid() == 0 else {}
        try:
            if subprocess.run([python, "-c", check], check=False, cwd="/", capture_output=True, **user).returncode == 0:  # type: ignore[call-overload]
                return python
        except OSError:
            continue
    pytest.skip("no Python here that another user may start")


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, without its FROM."""
    found: list[list[tuple[str, str]]] = []
    for name, rest in instructions():
        if name == "FROM":
            found.append([])
        else:
            found[-1].append((name, rest))
    return found


@pytest.fixture(scope="module")
def image(stages: list[list[tuple[str, str]]]) -> Iterator[Image]:
    """The second stage, with what the first has built."""
    build, last = stages
    root = Path(tempfile.mkdtemp(prefix="image-"))
    root.chmod(0o755)
    try:
        built = Image(root, interpreter())
        steps = {"ENV": built.env, "WORKDIR": built.workdir, "COPY": built.copy, "RUN": built.run}
        for name, rest in build:
            steps[name](rest)
        copies = [rest for name, rest in last if name == "COPY"]
        assert copies == ["--from=build /opt/gateway /opt/gateway"]
        for left in ("src", "dist", "opt/build"):
            shutil.rmtree(root / left)
        for name, rest in last:
            if name == "ENV":
                built.env(rest)
        (root / "data").mkdir()
        (root / "tmp").mkdir(mode=0o777)
        (root / "tmp").chmod(0o777)
        yield built
    finally:
        shutil.rmtree(root, ignore_errors=True)


def test_the_locked_packages_alone_are_installed(image: Image) -> None:
    assert len(image.ran) == 2
    lock = (ROOT / "requirements/run.lock").read_text("utf-8")
    locked = {normal(name) for name in re.findall(r"^([A-Za-z0-9_.-]+)(?:\[.*\])?==", lock, re.MULTILINE)}
    names = {normal(path.name.split("-")[0]) for path in image.root.glob("opt/gateway/lib/*/site-packages/*.dist-info")}
    # Before Python 3.12 a new environment holds it; the image has 3.13.
    assert names - locked - {"setuptools"} == {"dbt-gateway"}
    assert not list(image.root.glob("opt/gateway/bin/pip*"))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_it_serves_without_rights_and_leaves_when_told(image: Image, stages: list[list[tuple[str, str]]]) -> None:
    """As user 10001, who owns nothing but a temporary folder; the health check passes; nothing is written elsewhere."""
    said = dict(stages[1])
    port = str(free_port())
    command = [*json.loads(said["ENTRYPOINT"]), *json.loads(said["CMD"])]
    assert command[-2:] == ["--port", said["EXPOSE"]]
    config = image.root / "tmp/gateway.toml"
    shutil.copyfile(ROOT / "deploy/gateway.toml.example", config)
    environment = {**image.environment, "TMPDIR": str(image.root / "tmp"), "GATEWAY_CONFIG": str(config)}
    before = files_of(image.root)
    rights = {"user": int(said["USER"]), "group": int(said["USER"]), "extra_groups": []} if os.geteuid() == 0 else {}
    program = shutil.which(command[0], path=environment["PATH"])
    assert program == str(image.root / "opt/gateway/bin/gateway")
    process = subprocess.Popen(  # type: ignore[call-overload]
        [program, *command[1:-1], port], cwd=image.root / "data", env=environment, stderr=subprocess.PIPE, **rights
    )
    try:
        check = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])
        check = [part.replace(f":{said['EXPOSE']}/", f":{port}/") for part in check]
        deadline = time.monotonic() + 120
        while not is_healthy(check, environment):
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.5)
        if rights:
            status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
            assert re.search(rf"^Uid:\t{USER}\t{USER}\t", status, re.MULTILINE)
        assert files_of(image.root) == before
        process.send_signal(signal.Signals[said["STOPSIGNAL"]])
        assert process.wait(timeout=GRACE_SECONDS + 30) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def is_healthy(check: list[str], environment: Mapping[str, str]) -> bool:
    return subprocess.run(check, env=environment, capture_output=True, check=False).returncode == 0


def files_of(root: Path) -> dict[str, float]:
    """Every file outside the temporary folder, with its time of change."""
    return {
        str(path): path.lstat().st_mtime
        for path in root.rglob("*")
        if not path.is_relative_to(root / "tmp") and not path.is_dir()
    }
