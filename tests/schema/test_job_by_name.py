"""A job by its name: as it is written, else without case; never one of several, never one that is hidden."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.exceptions import AmbiguousJobError, InvalidArgumentError, JobNotFoundError
from gateway.settings import Settings
from tests.oracle.account import Oracle
from tests.schema.test_bad_input import ask
from tests.serving import Call, Gateway

QUERY = "query($name: String, $project: ID, $id: ID) { job(id: $id, name: $name, project: $project) { id name } }"


async def test_a_job_is_found_by_its_name(answers: Gateway, oracle: Oracle) -> None:
    for job in oracle.jobs:
        name = job.record["name"]
        for spelling in (name, name.upper()):
            assert (await answers.data(QUERY, name=spelling))["job"] == {"id": str(job.id), "name": name}
    found = await answers.data(QUERY, name="finance daily", project="finance")
    assert found["job"]["id"] == "301001"


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        ({"name": "Finance dail"}, "NOT_FOUND", "'Finance daily' (301001)"),
        ({"name": "Finance daily", "project": "marketing"}, "NOT_FOUND", "'Marketing daily' (302001)"),
        ({"name": "Finance daily", "project": "finanse"}, "NOT_FOUND", "finance"),
        ({"id": "301009"}, "NOT_FOUND", "301001 (Finance daily)"),
        ({"name": ""}, "BAD_USER_INPUT", "name"),
        ({}, "BAD_USER_INPUT", "name"),
        ({"id": "301001", "name": "Finance daily"}, "BAD_USER_INPUT", "name"),
        ({"id": "301001", "project": "finance"}, "BAD_USER_INPUT", "name"),
    ],
)
async def test_what_names_no_job_is_reported_with_names_and_ids(
    answers: Gateway, arguments: dict[str, Any], code: str, hint: str
) -> None:
    reply = await ask(answers, QUERY, **arguments)
    assert reply.data["job"] is None
    assert reply.codes == {"job": code}
    assert hint in reply.errors[0]["message"]


@pytest.mark.slow
async def test_a_name_of_several_jobs_lists_them(gateway: Gateway) -> None:
    gateway.upstream.rewrite = named_alike
    reply = await gateway.ask(QUERY, name="daily")
    assert reply.codes == {"job": "AMBIGUOUS_ID"}
    assert reply.errors[0]["extensions"]["candidates"] == ["301001", "302001"]
    assert "301001 (finance), 302001 (marketing)" in reply.errors[0]["message"]
    assert (await gateway.data(QUERY, name="daily", project="marketing"))["job"]["id"] == "302001"
    # One that is written like this is meant rather than others that differ in case.
    assert (await gateway.data(QUERY, name="DAILY"))["job"]["id"] == "303001"


def named_alike(call: Call, body: Any) -> Any:
    names = {301001: "daily", 302001: "daily", 303001: "DAILY"}
    if call.operation == "jobs":
        body["data"] = [{**job, "name": names.get(job["id"], job["name"])} for job in body["data"]]
    return body


@pytest.mark.slow
def test_python_asks_by_name(settings: Settings) -> None:
    with dbtAccount(store_url=settings.store_url) as account:
        assert account.job(name="finance daily").job_id == "301001"
        assert account.job(name="Marketing daily", project=account.project("marketing")).job_id == "302001"
        with pytest.raises(JobNotFoundError, match="Finance daily"):
            account.job(name="Finance dail")
        for nonsense in ({}, {"job_id": 1, "name": "x"}, {"project": "finance"}):
            with pytest.raises(InvalidArgumentError):
                account.job(**nonsense)
    assert issubclass(AmbiguousJobError, LookupError)
