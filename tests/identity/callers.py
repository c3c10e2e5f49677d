"""Callers with API keys, and accounts that hold only what one of them may see."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gateway.identity.api_keys import hash_of_key
from gateway.settings import Settings
from gateway.settings.entries import ApiKeySetting
from tests.serving import Gateway, Reply

Environments = Sequence[int | Literal["*"]]


@dataclass(frozen=True)
class Holder:
    """A caller with a key of his own."""

    name: str
    projects: Sequence[str] = ("*",)
    environments: Environments = ("*",)
    scopes: Sequence[Literal["introspection", "metrics"]] = ()

    @property
    def key(self) -> str:
        return f"dbtgw_{self.name:x<43}"

    @property
    def setting(self) -> ApiKeySetting:
        return ApiKeySetting(
            name=self.name,
            sha256=hash_of_key(self.key),
            projects=tuple(self.projects),
            environments=tuple(self.environments),
            scopes=tuple(self.scopes),
        )

    async def ask(self, gateway: Gateway, query: str, **variables: Any) -> Reply:
        """What this caller is answered."""
        response = await gateway.client.post(
            "/graphql", json={"query": query, "variables": variables}, headers={"X-API-Key": self.key}
        )
        body = response.json()
        extensions = body.get("extensions", {}).get("gateway", {})
        return Reply(response.status_code, response.text, body.get("data"), body.get("errors", []), extensions)


def known_to(settings: Settings, *holders: Holder) -> Settings:
    """These settings with the keys of these callers."""
    return settings.model_copy(update={"api_keys": tuple(holder.setting for holder in holders)})


def reduced(folder: Path, place: Path, environments: Sequence[int]) -> Path:
    """A copy of an archive folder that holds nothing but these environments."""
    account = json.loads((folder / "account.json").read_text("utf-8"))
    account["environments"] = [one for one in account["environments"] if one["id"] in environments]
    projects = {one["project_id"] for one in account["environments"]}
    account["projects"] = [one for one in account["projects"] if one["id"] in projects]
    account["jobs"] = [one for one in account["jobs"] if one["environment_id"] in environments]
    jobs = {str(one["id"]) for one in account["jobs"]}
    place.mkdir(parents=True)
    (place / "account.json").write_text(json.dumps(account), "utf-8")
    for job in (one for project in folder.iterdir() if project.is_dir() for one in project.iterdir()):
        if job.name in jobs:
            shutil.copytree(job, place / job.parent.name / job.name)
    return place


def comparable(reply: Reply) -> Mapping[str, Any]:
    """An answer without what depends on when and beside whom it was asked."""
    told = {name: reply.gateway.get(name) for name in ("incomplete", "notes", "inferred")}
    errors = sorted(reply.errors, key=lambda error: json.dumps(error, sort_keys=True))
    return {"status": reply.status, "data": reply.data, "errors": errors, "told": told}
