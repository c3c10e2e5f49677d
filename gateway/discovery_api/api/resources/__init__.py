"""The resources of the hierarchy: projects, models, jobs and runs."""

from gateway.discovery_api.api.resources.job import Job
from gateway.discovery_api.api.resources.model import Model
from gateway.discovery_api.api.resources.project import Project
from gateway.discovery_api.api.resources.run import Run

__all__ = ["Job", "Model", "Project", "Run"]
