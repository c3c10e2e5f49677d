"""JobService: the models and tests of a job's latest run."""

from __future__ import annotations

from typing import Any

from gateway.discovery_api.services.answers import part
from gateway.discovery_api.services.BaseQuery import BaseQuery
from gateway.discovery_api.services.field_groups import MODELS, TESTS, FieldGroups, split_options
from gateway.discovery_api.services.keys import with_snake_case
from gateway.discovery_api.services.selection import Selection

# A job's list has no page info: without `first` dbt gives every row, and has announced to cap that at 100. Exactly this
# many rows may be a capped answer, and reading goes on behind the last one.
_CAP = 100


class JobService:
    """Plain dicts with snake_case keys, nodes in dbt's order, every page read.

    Keywords choose groups of fields: `include_database` (models only), `include_run_metadata`, `include_timing`,
    `include_status`, `include_code`; without any, all are selected. As soon as one is given, the others are off, unless
    `include_all=True`; an explicit group always wins. Name, unique id, description, tags and resource type are always
    there. `return_query` goes to BaseQuery.execute; other keywords are ignored.

    Raises JobNotFoundError for a job that dbt has no run of, and UpstreamError's subclasses.
    """

    def __init__(self, base_query: BaseQuery) -> None:
        self.base_query = base_query

    def get_job_metadata(self, job_id: int, **kwargs: Any) -> dict[str, Any]:
        """`id` and `run_id` of the job's latest run."""
        execution, _ = split_options(kwargs)
        operation, job = self.base_query.create_job_query(job_id)
        job.id()
        job.run_id()
        envelope = self.base_query.execute(operation, **execution)
        return dict(with_snake_case(part(envelope, "job", owner=job_id)))

    def get_job_models(self, job_id: int, **kwargs: Any) -> dict[str, Any]:
        """`models`: every model of the latest run's manifest; status and times are None where it was not executed."""
        return self._lists(job_id, {"models": MODELS}, kwargs, identified=False)

    def get_job_tests(self, job_id: int, **kwargs: Any) -> dict[str, Any]:
        """`tests`: every test of the latest run's manifest."""
        return self._lists(job_id, {"tests": TESTS}, kwargs, identified=False)

    def get_job_with_models_and_tests(self, job_id: int, **kwargs: Any) -> dict[str, Any]:
        """`id`, `run_id`, `models` and `tests` of the latest run, in one request."""
        return self._lists(job_id, {"models": MODELS, "tests": TESTS}, kwargs, identified=True)

    def get_job_model_by_unique_id(self, job_id: int, unique_id: str, **kwargs: Any) -> dict[str, Any] | None:
        """One model of the latest run; None when its manifest does not hold it."""
        execution, options = split_options(kwargs)
        operation, job = self.base_query.create_job_query(job_id)
        MODELS.select(job.model(unique_id=unique_id), options)
        envelope = self.base_query.execute(operation, **execution)
        return with_snake_case(part(envelope, "job", owner=job_id).get("model")) or None

    def get_job_test_by_unique_id(self, job_id: int, unique_id: str, **kwargs: Any) -> dict[str, Any] | None:
        """One test of the latest run; None when its manifest does not hold it."""
        execution, options = split_options(kwargs)
        operation, job = self.base_query.create_job_query(job_id)
        TESTS.select(job.test(unique_id=unique_id), options)
        envelope = self.base_query.execute(operation, **execution)
        return with_snake_case(part(envelope, "job", owner=job_id).get("test")) or None

    def _lists(
        self, job_id: int, fields_by_list: dict[str, FieldGroups], kwargs: dict[str, Any], *, identified: bool
    ) -> dict[str, Any]:
        execution, options = split_options(kwargs)
        operation, job = self.base_query.create_job_query(job_id)
        if identified:
            job.id()
            job.run_id()
        for name, groups in fields_by_list.items():
            _select_rows(getattr(job, name)(), groups, options)
        envelope = self.base_query.execute(operation, **execution)
        answer = dict(with_snake_case(part(envelope, "job", owner=job_id)))
        for name, groups in fields_by_list.items():
            rows = self._read_on(job_id, name, answer[name], groups, options)
            answer[name] = [{key: row[key] for key in row if key != "pagination_cursor"} for row in rows]
        return answer

    def _read_on(
        self, job_id: int, name: str, rows: list[dict[str, Any]], groups: FieldGroups, options: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """The rows of a list and those behind them, as long as a page is full."""
        page = rows
        while len(page) == _CAP and page[-1].get("pagination_cursor") is not None:
            operation, job = self.base_query.create_job_query(job_id)
            _select_rows(getattr(job, name)(first=_CAP, after=page[-1]["pagination_cursor"]), groups, options)
            page = with_snake_case(part(self.base_query.execute(operation), "job", owner=job_id))[name]
            rows = rows + page
        return rows


def _select_rows(rows: Selection, groups: FieldGroups, options: dict[str, Any]) -> None:
    groups.select(rows, options)
    rows.pagination_cursor()
