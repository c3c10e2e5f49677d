"""The job and the run that options name, as ids."""

from __future__ import annotations

import argparse

from gateway.cli.questions.over_http.graphql_client import GraphQLClient
from gateway.errors import BadUserInput, NotFound

JOB = "query JobByName($name: String!, $project: ID) { job(name: $name, project: $project) { id } }"
NEWEST_RUN = """
query NewestRun($environment: DeploymentEnvironment, $projects: [ID!], $jobs: [ID!]) {
  account(environment: $environment, filter: { projectIds: $projects }) {
    runs(first: 1, filter: { jobIds: $jobs }) { nodes { id } }
  }
}
"""
DOCUMENTS = (JOB, NEWEST_RUN)


def job_id(client: GraphQLClient, options: argparse.Namespace) -> str:
    """The id of the job that `--job` names: a number is its id, anything else its name. Raises GatewayError."""
    if options.job.isdecimal():
        return str(options.job)
    projects = options.project or [None]
    if len(projects) > 1:
        raise BadUserInput("--job names a job of one project: give --project once, or the job's id.")
    job = client.ask(JOB, {"name": options.job, "project": projects[0]}).data["job"]
    if job is None:
        raise NotFound(f"No job is named {options.job!r}. `gateway search` finds jobs by a part of their name.")
    return str(job["id"])


def run_id(client: GraphQLClient, options: argparse.Namespace, word: str) -> str:
    """The id itself, or that of the newest run for `latest`. Raises NotFound where none ran."""
    if word != "latest":
        return word
    jobs = [job_id(client, options)] if options.job else None
    narrowed = {"environment": options.environment.upper(), "projects": options.project, "jobs": jobs}
    newest = client.ask(NEWEST_RUN, narrowed).data["account"]["runs"]["nodes"]
    if not newest:
        raise NotFound("There is no run yet. Leave --project and --job out, or wait for the first one.")
    return str(newest[0]["id"])
