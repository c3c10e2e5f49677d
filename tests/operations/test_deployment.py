"""The files under deploy/: they parse, and every variable they set is a setting that the gateway has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.settings import Settings

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deploy").rglob("*.yaml"))


def documents(file: Path) -> list[Any]:
    return list(yaml.safe_load_all(file.read_text("utf-8")))


@pytest.mark.parametrize("file", [*FILES, ROOT / "docs/deploy.md", ROOT / "Dockerfile"], ids=lambda file: file.name)
def test_every_variable_is_a_setting(file: Path) -> None:
    known = {"GATEWAY_CONFIG", *(f"GATEWAY_{name.upper()}" for name in Settings.model_fields)}
    assert set(re.findall(r"\bGATEWAY_[A-Z_]+\b", file.read_text("utf-8"))) <= known


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_files_parse(file: Path) -> None:
    assert all(isinstance(document, dict) for document in documents(file))


def test_the_deployment_is_confined_and_probed() -> None:
    found = {one["kind"]: one for one in documents(ROOT / "deploy/kubernetes/gateway.yaml")}
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    drain = float(found["ConfigMap"]["data"]["GATEWAY_DRAIN_SECONDS"])
    probe = container["readinessProbe"]
    assert drain > probe["periodSeconds"] * probe["failureThreshold"]
    assert pod["terminationGracePeriodSeconds"] > drain + 35
    selector = found["Service"]["spec"]["selector"]
    assert selector.items() <= found["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    names = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == names
