"""The list of an account's environments, at whichever address this dbt has it.

Not documented for the whole account in v3, though dbt's own Terraform provider reads it there; documented for each
project in v3, and for the account in v2. The first address that exists is remembered.
"""

from __future__ import annotations

import asyncio

from gateway.services.admin.admin_api import AdminApi, UpstreamPathUnknown
from gateway.services.admin.list_reading import ListReading
from gateway.services.rows.admin_types import AdminEnvironment, AdminProject

_PATH = "/environments/"


class EnvironmentList:
    """Tries v3, v2 and then every project of the account, each once."""

    def __init__(self, api: AdminApi) -> None:
        self._api = api
        self._versions = ["v3", "v2"]

    @property
    def address(self) -> str:
        """Where the list is read, for people."""
        return f"/api/{self._versions[0]}{_PATH}" if self._versions else "/api/v3/projects/#/environments/"

    async def read(self) -> ListReading[AdminEnvironment]:
        """Every environment, those for development too. Raises UpstreamPathUnknown where none of the addresses
        exists."""
        while self._versions:
            version = self._versions[0]
            try:
                return await self._api.list_all(version, _PATH, AdminEnvironment)
            except UpstreamPathUnknown:
                if self._versions[:1] == [version]:
                    self._versions.pop(0)
        return await self._read_by_project()

    async def _read_by_project(self) -> ListReading[AdminEnvironment]:
        projects = await self._api.list_all("v3", "/projects/", AdminProject)
        paths = [f"/projects/{project_id}{_PATH}" for project_id in sorted(projects.rows)]
        parts = await asyncio.gather(*(self._api.list_all("v3", path, AdminEnvironment) for path in paths))
        whole: ListReading[AdminEnvironment] = ListReading(_PATH, None, None)
        for part in parts:
            whole.rows |= part.rows
            whole.left_out += part.left_out
            whole.damaged += part.damaged
        return whole
