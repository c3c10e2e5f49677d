"""Opens gateways over an archive, with the Admin API and without it, and compares what they answer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from pydantic import SecretStr

from gateway.settings import Settings
from gateway.settings.entries import ProjectSetting
from tests.comparison.compare import Comparison, compare
from tests.comparison.generator import write_archive
from tests.comparison.library import compare_library
from tests.conftest import stored
from tests.figures.conftest import platform_over
from tests.serving import serving


async def compare_seed(place: Path, seed: int) -> Comparison:
    """The archive of a seed, asked in both ways."""
    return await compare_archive(write_archive(place / f"seed{seed}", seed), place)


async def compare_archive(folder: Path, place: Path, without_admin: bool = True) -> Comparison:
    """An archive, read into a store below `place`."""
    place.mkdir(parents=True, exist_ok=True)
    store = stored(folder, place)
    found = Comparison()
    for source in ("archive", "discovery"):
        settings = Settings(store_url=store, query_cost=10**9, history_source=source)
        async with serving(settings) as gateway:
            found.add(await compare(gateway, folder), f"{source}: ")
    # The library waits for its answers, which a platform in this very loop could not give.
    found.add(await asyncio.to_thread(compare_library, folder, store))
    if without_admin and (folder / "account.json").exists():
        found.add(await _without_admin(folder, store), "without the Admin API: ")
    return found


async def _without_admin(folder: Path, store: str) -> Comparison:
    account = json.loads((folder / "account.json").read_bytes())
    named = {one["id"]: one["name"] for one in account["projects"]}
    places = {(one["project_id"], one.get("deployment_type")): one["id"] for one in account["environments"]}
    projects = tuple(
        ProjectSetting(
            name=name,
            production_environment_id=places[number, "production"],
            staging_environment_id=places.get((number, "staging")),
        )
        for number, name in named.items()
        if (number, "production") in places
    )
    with platform_over(store) as url:
        settings = Settings(
            discovery_url=f"{url}/graphql",
            account_id=account["account"]["id"],
            service_token=SecretStr("metadata only"),
            projects=projects,
            query_cost=10**9,
        )
        async with serving(settings) as gateway:
            return await compare(gateway, folder, admin=False)
