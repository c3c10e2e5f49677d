"""Dashboard and alerts name metrics and labels that the gateway exposes, and Prometheus takes and runs them."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
import uvicorn
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import Response

from gateway.app import create_app
from gateway.settings import Settings
from tests.node import unavailable
from tests.serving import Call, serving
from tests.sharing.conftest import OwnRedis, free_port, own_redis
from tests.sockets import listening

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy/monitoring"
QUESTION = "{ account { slowestModels(first: 3) { rank model { id } } } }"
# Prometheus itself adds these to what it reads.
ADDED = {"job", "instance"}
MADE = {"up"}
# Shown where an account is mirrored, which tests/mirror/test_waking_and_figures.py checks.
MIRROR = "gateway_mirror"
LABELS_OF_MIRROR = {"outcome", "cause"}


def alerts() -> dict[str, str]:
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
    return {rule["alert"]: rule["expr"] for rule in rules}


def panels() -> Iterator[tuple[str, str]]:
    """Title and expression of everything that the dashboard draws."""
    for panel in json.loads((MONITORING / "dashboard.json").read_text("utf-8"))["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])


def selectors(expression: str) -> Iterator[tuple[str, set[str], dict[str, str]]]:
    """Each metric of an expression with the labels it is grouped by and those it is selected by."""
    grouped = {name.strip() for names in re.findall(r"by \(([^)]*)\)", expression) for name in names.split(",")}
    for name, braces in re.findall(r"\b((?:gateway|process)_\w+|up\b)(?:\{([^}]*)\})?", expression):
        yield name, grouped, dict(re.findall(r'(\w+)=~?"([^"]*)"', braces))


async def exposed(store: str, redis: OwnRedis | None) -> dict[str, dict[str, set[str]]]:
    """Every series name of a gateway that has answered, failed and been refused, with its labels and their values."""
    settings = Settings(
        store_url=store,
        open_metrics=True,
        cache_url=redis.url if redis else None,
        cache_secret="known",
        discovery_requests_per_minute=6000,
    )
    async with serving(settings) as gateway:
        assert not (await gateway.ask(QUESTION)).errors
        assert (await gateway.ask("{ nonsense }")).status == 400

        async def refusing(_: Call) -> Response:
            return Response('{"status": {"user_message": "no"}}', 403)

        gateway.upstream.fault = refusing
        await gateway.ask("{ account { jobs { nodes { runs(first: 7) { nodes { id status } } } } } }")
        text = (await gateway.client.get("/metrics")).text
    labels: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for name, value in sample.labels.items():
                labels[sample.name][name].add(value)
            labels[sample.name] |= {}
    return labels


@pytest.mark.external
@pytest.mark.slow
async def test_every_metric_and_label_of_dashboard_and_alerts_is_exposed(demo_store: str, tmp_path: Path) -> None:
    async with own_redis(tmp_path) as redis:
        series = await exposed(demo_store, redis)
    expressions = [*panels(), *alerts().items()]
    assert len(expressions) > 25
    for title, expression in expressions:
        used = list(selectors(expression))
        assert used, title
        for name, grouped, selected in used:
            if name in MADE:
                continue
            if name.startswith(MIRROR):
                assert (grouped | selected.keys()) - ADDED <= LABELS_OF_MIRROR, f"{title}: {name}"
                continue
            assert name in series, f"{title}: {name}"
            assert (grouped | selected.keys()) - ADDED <= series[name].keys(), f"{title}: {name}"
            for label, value in selected.items():
                # Codes and statuses are many more than a test provokes.
                if label not in ADDED | {"code", "status"}:
                    assert value in series[name][label], f"{title}: {name}"


def test_the_operators_rule_is_the_same() -> None:
    rule = yaml.safe_load((ROOT / "deploy/kubernetes/monitoring/prometheus-rule.yaml").read_text("utf-8"))
    assert rule["spec"] == yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))


def test_the_operator_finds_the_service_and_its_port() -> None:
    monitor, policy = yaml.safe_load_all(
        (ROOT / "deploy/kubernetes/monitoring/service-monitor.yaml").read_text("utf-8")
    )
    resources = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/gateway.yaml").read_text("utf-8")))
    service = next(one for one in resources if one["kind"] == "Service")
    deployment = next(one for one in resources if one["kind"] == "Deployment")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    # The alert about a replica that is gone selects by it.
    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "dbt-gateway"
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()


@pytest.mark.external
@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"], ["check", "config", "prometheus.yaml"]],
)
def test_promtool_accepts_the_rules_and_each_alert_fires_and_rests(command: list[str]) -> None:
    if shutil.which("promtool") is None:
        unavailable("promtool is not installed (Debian package: prometheus)")
    done = subprocess.run(["promtool", *command], cwd=MONITORING, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if command[0] == "test":
        tests = yaml.safe_load((MONITORING / "alerts.test.yaml").read_text("utf-8"))["tests"]
        for number, fires in enumerate((True, False)):
            expected = {one["alertname"]: bool(one["exp_alerts"]) for one in tests[number]["alert_rule_test"]}
            assert expected == dict.fromkeys(alerts(), fires)


@pytest.mark.external
@pytest.mark.nightly
@pytest.mark.slow
async def test_prometheus_reads_a_gateway_and_draws_every_panel(demo_store: str, tmp_path: Path) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed")
    async with own_redis(tmp_path) as redis:
        settings = Settings(store_url=demo_store, open_metrics=True, cache_url=redis.url, cache_secret="known")
        async with listening(uvicorn.Config(create_app(settings), log_level="warning")) as port:
            scrape = {"job_name": "dbt-gateway", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            config = tmp_path / "prometheus.yml"
            config.write_text(
                yaml.safe_dump(
                    {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": [scrape]}
                )
            )
            own_port = free_port()
            places = [f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{own_port}"]
            process = await asyncio.create_subprocess_exec(
                program, f"--config.file={config}", *places, "--log.level=error"
            )
            try:
                await _ask_for_a_while(port)
                async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{own_port}") as prometheus:
                    for title, expression in panels():
                        query = quote(expression.replace("$__rate_interval", "30s"))
                        answer = (await prometheus.get(f"/api/v1/query?query={query}")).json()
                        assert answer["status"] == "success", title
                        # Of what did not happen there is no series.
                        absent = "errors_total" in expression or MIRROR in expression
                        assert answer["data"]["result"] or absent, f"{title}: {expression}"
            finally:
                process.kill()
                await process.wait()


async def _ask_for_a_while(port: int) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        for _ in range(20):
            assert (await client.post("/graphql", json={"query": QUESTION})).status_code == 200
            await asyncio.sleep(0.5)
