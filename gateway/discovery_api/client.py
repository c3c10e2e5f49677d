"""Client: asks the hierarchy's questions and waits for the answers. Every resource of the library holds one."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TypedDict, TypeVar

from gateway.concurrency.deadline import deadline_in
from gateway.discovery_api.connection import AccountConnection, ConnectionOptions, Opened
from gateway.discovery_api.exceptions import (
    ConfigurationError,
    IncompleteAnswerError,
    IncompleteAnswerWarning,
    InvalidArgumentError,
    MissingPart,
    NotPicklableError,
    named,
)
from gateway.errors import GatewayError
from gateway.hierarchy.ids.project_ids import IdScope
from gateway.loading.field_context import FieldContext
from gateway.loading.loaders import Loaders
from gateway.loading.projection import Projection
from gateway.settings import Settings, load_settings
from gateway.telemetry.usage import Usage, measuring

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_TTL = 300.0
DEFAULT_TIMEOUT = 60.0

_NOTHING_MORE = Projection()


class DataSource(TypedDict, total=False):
    """Where the data comes from; omitted arguments come from the environment or the file that GATEWAY_CONFIG names.

    dbt Cloud: `token`, `discovery_url`, `admin_url` and `account_id`. With a token that reads metadata only: without
    `admin_url`, but with `projects`, each {"name": …, "production_environment_id": …, "staging_environment_id": …}.
    Runs of one's own: `artifacts`, a folder of dbt artifacts, or `store_url`, a SQL archive filled by `gateway ingest`.
    Nothing at all: the embedded demo.
    """

    token: str | None
    discovery_url: str | None
    admin_url: str | None
    account_id: int | None
    projects: Sequence[Mapping[str, Any]] | None
    artifacts: str | Path | None
    store_url: str | None


class Client:
    """Thread-safe; usable in a script and inside a running event loop, which it blocks while it waits.

    Nothing is opened before the first question. Facts are believed for `ttl` seconds, those of a finished run for
    good; a question may take `timeout` seconds in all. Close it, or use it as a context manager; one that is forgotten
    is closed when it is collected, at the latest when the interpreter ends.
    """

    def __init__(self, options: ConnectionOptions, timeout: float = DEFAULT_TIMEOUT) -> None:
        self._connection = AccountConnection(options)
        self._timeout = timeout
        self.upstream_requests = 0
        self._counting = threading.Lock()
        self._close = weakref.finalize(self, self._connection.close)

    @classmethod
    def of(cls, source: DataSource, *, ttl: float = DEFAULT_TTL, timeout: float = DEFAULT_TIMEOUT) -> Client:
        """A client of that source. Raises ConfigurationError, without asking anybody, for options that cannot work."""
        for name, seconds in (("ttl", ttl), ("timeout", timeout)):
            if not seconds > 0:
                raise InvalidArgumentError(f"{name} is a number of seconds above zero; it is {seconds!r}.")
        return cls(ConnectionOptions(settings_of(source), ttl, reading_seconds=timeout), timeout)

    def ask(
        self,
        question: Callable[[FieldContext], Awaitable[T]],
        present: Callable[[T], R],
        *,
        refresh: bool = False,
        projection: Projection = _NOTHING_MORE,
    ) -> R:
        """The answer to a question, as `present` shows it.

        `refresh` first forgets every fact that was read. Raises the exceptions of this package; IncompleteAnswerError
        with the rest of the answer when some projects could not be read.
        """
        if refresh:
            self._connection.forget()
        usage = Usage()

        async def field_context(opened: Opened) -> tuple[T, list[MissingPart]]:
            usage.began = opened.services.tiers.clock()
            with measuring(usage), deadline_in(self._timeout):
                ask = FieldContext(Loaders(opened.services, projection, ids=IdScope.ENVIRONMENT))
                answer = await question(ask)
            return answer, [MissingPart(part.project_id or part.part, named(part.error)) for part in ask.failures]

        try:
            answer, missing = self._connection.run(field_context)
        except GatewayError as failure:
            raise named(failure) from None
        finally:
            with self._counting:
                self.upstream_requests += usage.discovery_requests + usage.admin_requests
        if missing:
            raise IncompleteAnswerError(present(answer), missing)
        _warn(usage)
        return present(answer)

    def run(self, work: Callable[[Opened], Awaitable[T]]) -> T:
        """Work on the open connection itself. Raises the exceptions of this package."""
        try:
            return self._connection.run(work)
        except GatewayError as failure:
            raise named(failure) from None

    def invalidate(self) -> None:
        """Forgets every fact that was read; the next question asks dbt for what it needs."""
        self._connection.forget()

    def close(self) -> None:
        """Ends the connection and its thread. Questions after it raise ClosedError; closing again does nothing."""
        self._close()

    def __reduce__(self) -> NoReturn:
        raise NotPicklableError(
            "An account, and what it answered, holds an open connection and cannot be pickled or copied. Make an "
            "account in each process, dbtAccount(…), and pass ids between them.",
            code="NOT_PICKLABLE",
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def settings_of(source: DataSource) -> Settings:
    """The settings a source stands for. Raises ConfigurationError."""
    values: dict[str, Any] = dict(source)
    token = values.pop("token", None)
    try:
        settings = load_settings({**values, "service_token": token})
    except GatewayError as failure:
        raise named(failure) from None
    if token is not None and not settings.uses_dbt_cloud:
        raise ConfigurationError(
            "A token is given, but not where dbt is: pass discovery_url, admin_url and account_id too, or set "
            "GATEWAY_DISCOVERY_URL, GATEWAY_ADMIN_URL and GATEWAY_ACCOUNT_ID."
        )
    return settings


def _warn(usage: Usage) -> None:
    for note in usage.notes:
        if "lookedAtRuns" in note:
            warnings.warn(
                f"Only the newest {note['lookedAtRuns']} runs of the account were looked at, and fewer than "
                f"{note['wantedRuns']} of them fit. Ask a job for its runs to look further back.",
                IncompleteAnswerWarning,
                stacklevel=4,
            )
