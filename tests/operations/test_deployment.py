"""The files under deploy/ and the Dockerfile: they fit the published schemas, the settings, the code and each other."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from gateway.cli.options import build_parser
from gateway.http.server.server import GRACE_SECONDS
from gateway.settings import Settings, load_settings
from tests.node import unavailable
from tests.streaming.conftest import until

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy/compose.yaml"
COMPOSE_FILES = sorted((ROOT / "deploy").glob("compose*.yaml"))
# What kustomize and the Prometheus operator read has schemas of its own.
KUBERNETES = [ROOT / f"deploy/kubernetes/{name}.yaml" for name in ("gateway", "network", "redis")]
VALIDATORS = ROOT / ".venv/manifests/bin"
PASSWORD = "0123456789abcdef"
ANY_HOST = "0.0.0.0"  # noqa: S104  # compared with


def documents(file: Path) -> list[Any]:
    return list(yaml.safe_load_all(file.read_text("utf-8")))


def resources() -> dict[tuple[str, str], Any]:
    """Every Kubernetes resource by kind and name."""
    return {(one["kind"], one["metadata"]["name"]): one for file in KUBERNETES for one in documents(file)}


def validator(name: str) -> str:
    if not (VALIDATORS / name).exists():
        unavailable("the schemas of the manifests are not installed (make manifests)")
    return str(VALIDATORS / name)


@pytest.mark.parametrize(
    "file",
    [*COMPOSE_FILES, *KUBERNETES, *(ROOT / "deploy").glob("*.example"), ROOT / "docs/deploy.md", ROOT / "Dockerfile"],
    ids=lambda file: file.name,
)
def test_every_variable_is_a_setting(file: Path) -> None:
    known = {"GATEWAY_CONFIG", *(f"GATEWAY_{name.upper()}" for name in Settings.model_fields)}
    # What Kubernetes itself would set is named in a comment as the trap that it is.
    named = set(re.findall(r"\bGATEWAY_[A-Z_]+\b", file.read_text("utf-8"))) - {"GATEWAY_SERVICE_HOST"}
    assert named <= known


@pytest.mark.slow
def test_the_manifests_fit_the_schemas_of_kubernetes() -> None:
    command = [validator("kubernetes-validate"), "--strict", *map(str, KUBERNETES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("passed") == len(resources())


@pytest.mark.slow
@pytest.mark.parametrize("file", COMPOSE_FILES, ids=lambda file: file.name)
def test_the_compose_files_fit_their_specification(file: Path) -> None:
    read = "import sys, compose_spec; compose_spec.PyCompose.from_yaml(open(sys.argv[1]).read())"
    done = subprocess.run([validator("python"), "-c", read, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def pod_of(name: str) -> Any:
    return resources()["Deployment", name]["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", ["dbt-gateway", "dbt-gateway-redis"])
def test_pods_are_confined_and_bounded(name: str) -> None:
    pod = pod_of(name)
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    confined = container["securityContext"]
    assert confined["readOnlyRootFilesystem"] is True
    assert confined["allowPrivilegeEscalation"] is False
    assert confined["capabilities"] == {"drop": ["ALL"]}
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


def test_replicas_are_probed_and_have_the_time_to_leave() -> None:
    pod, found = pod_of("dbt-gateway"), resources()
    (container,) = pod["containers"]
    assert found["Deployment", "dbt-gateway"]["spec"]["replicas"] >= 2
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/livez"
    drain = float(found["ConfigMap", "dbt-gateway"]["data"]["GATEWAY_DRAIN_SECONDS"])
    probe = container["readinessProbe"]
    assert drain > probe["periodSeconds"] * probe["failureThreshold"]
    assert pod["terminationGracePeriodSeconds"] > drain + GRACE_SECONDS
    names = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == names


def test_services_find_their_pods_and_the_gateway_may_reach_its_redis() -> None:
    found = resources()
    for name in ("dbt-gateway", "dbt-gateway-redis"):
        labels = found["Deployment", name]["spec"]["template"]["metadata"]["labels"]
        assert found["Service", name]["spec"]["selector"].items() <= labels.items()
        assert found["NetworkPolicy", name]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    (container,) = pod_of("dbt-gateway")["containers"]
    variables = {one["name"]: one for one in container["env"]}
    address = variables["GATEWAY_CACHE_URL"]["value"].replace("$(REDIS_PASSWORD)", PASSWORD)
    port = found["Service", "dbt-gateway-redis"]["spec"]["ports"][0]["port"]
    assert address == f"redis://:{PASSWORD}@dbt-gateway-redis:{port}/0"
    egress = found["NetworkPolicy", "dbt-gateway"]["spec"]["egress"]
    reached = [rule for rule in egress if {"protocol": "TCP", "port": port} in rule["ports"]]
    assert reached[0]["to"] == [{"podSelector": {"matchLabels": {"app": "dbt-gateway-redis"}}}]


@pytest.mark.slow
def test_the_settings_of_the_manifests_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """All variables of a pod together, as the gateway reads them."""
    (container,) = pod_of("dbt-gateway")["containers"]
    given = dict(resources()["ConfigMap", "dbt-gateway"]["data"])
    given |= {one["name"]: one.get("value", PASSWORD) for one in container["env"]}
    del given["GATEWAY_CONFIG"]
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.uses_dbt_cloud
    assert settings.cache_url is not None


def redis_command(source: str) -> list[str]:
    """How the file starts its Redis, with `$$` unfolded as Compose does."""
    if source == "compose":
        return [part.replace("$$", "$") for part in documents(COMPOSE)[0]["services"]["redis"]["command"]]
    return list(pod_of("dbt-gateway-redis")["containers"][0]["command"])


@contextmanager
def started(command: Sequence[str], folder: Path) -> Iterator[int]:
    """That Redis on a free port, below `folder`; the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shell, flag, script = command
    process = subprocess.Popen(
        [shell, flag, f"{script} --port {port} --bind 127.0.0.1"],
        env={**os.environ, "REDIS_PASSWORD": PASSWORD},
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.mark.external
@pytest.mark.parametrize("source", ["compose", "kubernetes"])
async def test_redis_starts_as_written_wants_its_password_and_drops_what_is_old(source: str, tmp_path: Path) -> None:
    if shutil.which("redis-server") is None:
        unavailable("redis-server is not installed")
    with started(redis_command(source), tmp_path) as port:
        await until(lambda: _listens(port))
        async with Redis.from_url(f"redis://:{PASSWORD}@127.0.0.1:{port}/0") as redis:
            told = await redis.config_get("maxmemory-policy", "maxmemory", "save", "appendonly")
        async with Redis.from_url(f"redis://127.0.0.1:{port}/0") as stranger:
            with pytest.raises(AuthenticationError):
                await stranger.ping()
    assert told == {"maxmemory-policy": "allkeys-lru", "maxmemory": str(512 * 2**20), "save": "", "appendonly": "no"}
    assert list(tmp_path.iterdir()) == []


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_compose_gives_replicas_the_time_to_leave_and_the_redis_it_starts() -> None:
    services = documents(COMPOSE)[0]["services"]
    gateway = services["gateway"]
    drain = float(gateway["environment"]["GATEWAY_DRAIN_SECONDS"])
    assert float(gateway["stop_grace_period"].removesuffix("s")) > drain + GRACE_SECONDS
    assert "@redis:6379/" in gateway["environment"]["GATEWAY_CACHE_URL"]
    for name in ("gateway", "redis"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    assert all(one["condition"] == "service_healthy" for one in gateway["depends_on"].values())


@pytest.mark.parametrize(
    ("files", "store", "filler"),
    [
        (["compose.core.yaml"], "GATEWAY_STORE_URL", "ingest"),
        (["compose.yaml", "compose.archive.yaml"], "GATEWAY_ARCHIVE_URL", "mirror"),
    ],
    ids=["dbt Core", "dbt Cloud"],
)
def test_what_fills_the_archive_and_what_serves_it_share_a_database(
    files: list[str], store: str, filler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables of the gateway together are settings it takes, with the example's beside them."""
    read = [documents(ROOT / "deploy" / file)[0]["services"] for file in files]
    variables = {name: value for services in read for name, value in services["gateway"]["environment"].items()}
    names = {name for services in read for name in services}
    services = {name: {k: v for one in read for k, v in one.get(name, {}).items()} for name in names}
    options = build_parser().parse_args(services[filler]["command"])
    assert options.command == filler
    theirs = options.store or services[filler]["environment"][store]
    database = r"\$\{POSTGRES_PASSWORD(:\?[^}]*)?\}"
    assert re.sub(database, PASSWORD, theirs) == re.sub(database, PASSWORD, variables[store])
    assert "postgres" in services
    assert all(service["read_only"] for name, service in services.items() if name in ("gateway", filler))
    if len(files) > 1:
        lines = (ROOT / "deploy/gateway.env.example").read_text("utf-8").splitlines()
        variables |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    for name, value in variables.items():
        if name != "GATEWAY_CONFIG":
            monkeypatch.setenv(name, re.sub(r"\$\{\w+(:\?[^}]*)?\}", PASSWORD, value))
    settings = load_settings()
    assert settings.uses_dbt_cloud == (len(files) > 1)


def test_the_example_of_a_configuration_file_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_CONFIG", str(ROOT / "deploy/gateway.toml.example"))
    assert [key.name for key in load_settings().api_keys] == ["dashboards"]


@pytest.mark.external
def test_kustomize_takes_all_files_and_nothing_twice() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    for folder, kinds in (("deploy/kubernetes", len(resources())), ("deploy/kubernetes/monitoring", 3)):
        done = subprocess.run(["kubectl", "kustomize", ROOT / folder], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        names = [(one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(done.stdout)]
        assert len(names) == len(set(names)) == kinds


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, lines joined and comments left out."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def test_what_the_image_is_built_from_reaches_the_build() -> None:
    """.dockerignore leaves everything out but what it names; the wheel needs these."""
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    locks = re.findall(r"requirements/\S+\.lock", (ROOT / "Dockerfile").read_text("utf-8"))
    needed = ["gateway", "pyproject.toml", "hatch_build.py", "package-lock.json", project["project"]["readme"]]
    needed += [*project["project"]["license-files"], *locks]
    assert locks
    for path in needed:
        assert (ROOT / path).exists(), path
        assert any(fnmatch(path, one) or path.startswith(f"{one}/") for one in let_in), path


def test_the_image_runs_as_nobody_and_its_command_is_one_of_ours() -> None:
    last_stage = instructions()[max(n for n, (name, _) in enumerate(instructions()) if name == "FROM") :]
    said = dict(last_stage)
    assert said["USER"] == "10001"
    assert yaml.safe_load(said["ENTRYPOINT"]) == ["gateway"]
    options = build_parser().parse_args(yaml.safe_load(said["CMD"]))
    assert (options.command, options.host, str(options.port)) == ("serve", ANY_HOST, said["EXPOSE"])
    assert f"http://127.0.0.1:{said['EXPOSE']}/livez" in said["HEALTHCHECK"]
    assert "GATEWAY_OPEN" not in (ROOT / "Dockerfile").read_text("utf-8")
