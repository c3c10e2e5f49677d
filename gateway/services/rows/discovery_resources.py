"""The shapes of Discovery's answers about what a project defines, as far as our documents select them."""

from __future__ import annotations

from typing import Generic, TypeVar

from gateway.services.rows.discovery_types import BigInt, PageInfo, Wired

R = TypeVar("R")


class DefinedNode(Wired, frozen=True):
    unique_id: str
    name: str | None
    tags: list[str] | None
    parent_ids: list[str]


class DefinitionsState(Wired, frozen=True):
    lineage: list[DefinedNode]


class EnvironmentDefinitions(Wired, frozen=True):
    applied: DefinitionsState | None


class ResourceEdge(Wired, Generic[R], frozen=True):
    node: R


class ResourcePage(Wired, Generic[R], frozen=True):
    edges: list[ResourceEdge[R]]
    page_info: PageInfo | None = None
    total_count: int | None = None


class AppliedResources(Wired, Generic[R], frozen=True):
    """The applied state of an environment, of which one list is selected, always as `nodes`."""

    nodes: ResourcePage[R] | None


class EnvironmentResources(Wired, Generic[R], frozen=True):
    applied: AppliedResources[R] | None


class AppliedExposure(Wired, frozen=True):
    unique_id: str
    exposure_type: str | None
    url: str | None
    owner_name: str | None
    owner_email: str | None


class AttemptInfo(Wired, frozen=True):
    last_run_id: BigInt | None
    last_run_status: str | None


class AttemptedNode(Wired, frozen=True):
    """A seed or a snapshot, and its last attempt."""

    unique_id: str
    execution_info: AttemptInfo | None


class CatalogColumn(Wired, frozen=True):
    name: str | None
    index: int | None
    type: str | None
    description: str | None


class CatalogTable(Wired, frozen=True):
    columns: list[CatalogColumn] | None


class CatalogedNode(Wired, frozen=True):
    """A model, source, seed or snapshot with its table in the catalog."""

    unique_id: str
    catalog: CatalogTable | None
