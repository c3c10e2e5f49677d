"""The services: single questions to dbt's Discovery API, answered as plain data."""

from gateway.discovery_api.services.BaseQuery import BaseQuery
from gateway.discovery_api.services.EnvironmentService import EnvironmentService
from gateway.discovery_api.services.JobService import JobService
from gateway.discovery_api.services.ModelService import ModelService

__all__ = ["BaseQuery", "EnvironmentService", "JobService", "ModelService"]
