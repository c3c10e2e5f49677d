"""Plain data of the library: filters, reports, and resources as records."""

from gateway.discovery_api.models.filters import (
    Criteria,
    HistoryScope,
    ModelFilter,
    ProjectCriteria,
    ProjectFilter,
    SearchFilter,
)
from gateway.discovery_api.models.reports import (
    Average,
    Rank,
    RankedList,
    RunStatus,
    RuntimeReport,
    SourceFreshnessReport,
)
from gateway.discovery_api.models.resources import Job, Model, ModelRun, ModelTest, Project, Run

__all__ = [
    "Average",
    "Criteria",
    "HistoryScope",
    "Job",
    "Model",
    "ModelFilter",
    "ModelRun",
    "ModelTest",
    "Project",
    "ProjectCriteria",
    "ProjectFilter",
    "Rank",
    "RankedList",
    "Run",
    "RunStatus",
    "RuntimeReport",
    "SearchFilter",
    "SourceFreshnessReport",
]
