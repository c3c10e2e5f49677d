"""The hierarchy to work with: an account and its projects, models, jobs and runs."""

from gateway.discovery_api.api.dbt_account import dbtAccount
from gateway.discovery_api.api.resources import Job, Model, Project, Run

__all__ = ["Job", "Model", "Project", "Run", "dbtAccount"]
