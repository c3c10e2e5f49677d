"""What all questions of the terminal share: which account is asked, how the answer is written, and the exit code."""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from gateway.cli.questions.answer import TerminalAnswer
from gateway.cli.questions.writing import written
from gateway.cli.terminal import complain
from gateway.discovery_api.api import Job, Run, dbtAccount
from gateway.discovery_api.client import DEFAULT_TIMEOUT, DEFAULT_TTL, Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.discovery_api.exceptions import (
    AuthenticationError,
    DiscoveryApiError,
    IncompleteAnswerError,
    IncompleteAnswerWarning,
    RunNotFoundError,
)
from gateway.discovery_api.models import ProjectFilter, RunFilter
from gateway.errors import BadUserInput, NotFound
from gateway.settings import Settings, load_settings

Environment = Literal["production", "staging"]
Question = Callable[[dbtAccount, argparse.Namespace], TerminalAnswer]

_ADVICE = {
    RunNotFoundError: "No run has this id. `gateway run latest` shows the newest one, `gateway model NAME` those of a "
    "model.",
    AuthenticationError: "dbt does not accept the service token. Set DBT_SERVICE_TOKEN to a valid one.",
}


def answered(
    options: argparse.Namespace, question: Question, publish: Callable[[TerminalAnswer], None] | None = None
) -> int:
    """Asks, and writes the whole answer at once: 0, or 3 where it is over the limit of `--fail-over`.

    `publish` gets the answer when it is written. A failure is one line on standard error and 2, and nothing is written.
    Raises GatewayError.
    """
    try:
        with _quiet_logs(), warnings.catch_warnings(record=True) as noted, _account(options) as account:
            warnings.simplefilter("always", IncompleteAnswerWarning)
            answer = question(account, options)
    except IncompleteAnswerError as incomplete:
        parts = "; ".join(f"{part.project_id}: {part.error.message}" for part in incomplete.missing)
        complain(f"error: Not everything could be read: {parts} Name the projects to read with --project.")
        return 2
    except DiscoveryApiError as failure:
        complain(f"error: {_ADVICE.get(type(failure), failure.message)}")
        return 2
    answer = replace(answer, notes=(*answer.notes, *(str(noted_error.message) for noted_error in noted)))
    code = written(options, answer)
    if publish is not None:
        publish(answer)
    return code


def job_named(account: dbtAccount, options: argparse.Namespace) -> Job:
    """The job that `--job` names: a number is its id, anything else its name. Raises JobNotFoundError and others."""
    if options.job.isdecimal():
        return account.job(options.job)
    projects = options.project or [None]
    if len(projects) > 1:
        raise BadUserInput("--job names a job of one project: give --project once, or the job's id.")
    return account.job(name=options.job, project=projects[0])


def run_named(account: dbtAccount, options: argparse.Namespace, word: str) -> Run:
    """The run with this id, or the newest run for `latest`. Raises RunNotFoundError, and NotFound where none ran."""
    if word != "latest":
        return account.run(word)
    where = RunFilter(job_ids=[int(job_named(account, options).job_id)]) if options.job else None
    newest = account.get_runs(1, where=where)
    if not newest:
        raise NotFound("There is no run yet. Leave --project and --job out, or wait for the first one.")
    return newest[0]


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Holds back warnings for operators of servers: the one line of the failure says the same."""
    logger = logging.getLogger("gateway")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _account(options: argparse.Namespace) -> Iterator[dbtAccount]:
    """The account that is asked. Files of a folder that could not be used are named on standard error."""
    settings = load_settings({"artifacts": options.artifacts, "store_url": options.store})
    projects = ProjectFilter(project_ids=options.project) if options.project else None
    quiet = getattr(options, "quiet", False)
    with opened_account(settings, options.environment, projects, quiet=quiet) as account:
        yield account


@contextmanager
def opened_account(
    settings: Settings,
    environment: Environment = "production",
    projects: ProjectFilter | None = None,
    *,
    quiet: bool = False,
) -> Iterator[dbtAccount]:
    """The account of these settings. Files of a folder that could not be used are named on standard error; `quiet`: how
    far reading has come is not shown."""
    with ExitStack() as stack:
        if settings.artifacts is not None:
            # Reading folders is imported only where there is one.
            from gateway.cli.data_source import prepared

            settings = stack.enter_context(prepared(settings, quiet=quiet)).settings
        client = Client(ConnectionOptions(settings, DEFAULT_TTL, reading_seconds=DEFAULT_TIMEOUT), DEFAULT_TIMEOUT)
        yield stack.enter_context(dbtAccount(environment, projects, client=client))


def settings_of_folder(folder: Path) -> Settings:
    """The settings for a folder of artifacts, whatever source they name otherwise: rates of costs are theirs."""
    elsewhere = {"discovery_url": None, "admin_url": None, "store_url": None, "archive_url": None}
    return load_settings().model_copy(update={**elsewhere, "artifacts": folder})
