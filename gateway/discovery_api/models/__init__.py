"""Plain data of the library: filters, reports, and resources as records."""

from gateway.discovery_api.models.filters import (
    Criteria,
    HistoryScope,
    JobFilter,
    ModelFilter,
    ProjectCriteria,
    ProjectFilter,
    RunFilter,
    SearchFilter,
)
from gateway.discovery_api.models.reports import (
    Average,
    Rank,
    RankedList,
    RunStatus,
    RuntimeReport,
    SourceFreshnessReport,
    SourceReport,
)
from gateway.discovery_api.models.resources import (
    Job,
    Model,
    ModelRun,
    ModelTest,
    Owner,
    Project,
    Run,
    RunStep,
    RunTrigger,
)
from gateway.discovery_api.models.series import ChangePoint, RuntimePoint, RuntimeSegment, RuntimeSeries

__all__ = [
    "Average",
    "ChangePoint",
    "Criteria",
    "HistoryScope",
    "Job",
    "JobFilter",
    "Model",
    "ModelFilter",
    "ModelRun",
    "ModelTest",
    "Owner",
    "Project",
    "ProjectCriteria",
    "ProjectFilter",
    "Rank",
    "RankedList",
    "Run",
    "RunFilter",
    "RunStatus",
    "RunStep",
    "RunTrigger",
    "RuntimePoint",
    "RuntimeReport",
    "RuntimeSegment",
    "RuntimeSeries",
    "SearchFilter",
    "SourceFreshnessReport",
    "SourceReport",
]
