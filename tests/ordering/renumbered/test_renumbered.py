"""The suites in which an order may show, over the demo under run ids that say nothing of time."""

from __future__ import annotations

import pytest

from tests.oracle.account import Oracle
from tests.schema.test_around_a_model import test_the_last_run_is_the_newest_of_the_history  # noqa: F401
from tests.schema.test_figures import *  # noqa: F403
from tests.schema.test_jobs_and_runs import (  # noqa: F401
    test_a_filter_on_a_jobs_models_looks_at_the_run_that_shows_what_it_builds,
    test_a_filter_on_jobs_keeps_those_that_build_a_match,
    test_every_job_shows_its_definition_and_its_newest_run,
    test_the_runs_of_every_job_are_complete_and_newest_first,
)
from tests.schema.test_models import (  # noqa: F401
    test_a_failed_attempt_leaves_the_last_success_in_place,
    test_every_model_shows_its_last_success_and_its_last_attempt,
    test_jobs_that_build_a_model_and_models_that_a_job_builds_agree,
    test_the_first_runs_of_a_model_are_its_newest,
    test_the_history_of_every_model_is_complete_and_newest_first,
    test_the_last_success_is_one_run_whose_figures_belong_together,
)
from tests.schema.test_orders import *  # noqa: F403
from tests.schema.test_rankings import *  # noqa: F403
from tests.schema.test_upstream_requests import COST
from tests.serving import Gateway

LOOKS_BACK = "{ account { slowestModels { model { id jobs { nodes { name } } } } } }"


def test_the_order_by_id_is_another_than_the_order_by_time(oracle: Oracle) -> None:
    """Else every test here would pass on ids alone."""
    newest = [run.id for run in oracle.job(301001).runs]
    assert newest != sorted(newest, reverse=True)
    assert newest != sorted(newest)


@pytest.mark.slow
async def test_no_more_is_read_than_under_ids_that_rise_with_time(gateway: Gateway) -> None:
    assert await gateway.count(LOOKS_BACK) == COST[LOOKS_BACK]
