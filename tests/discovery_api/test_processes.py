"""The library in forked processes, and what it says to pickling."""

from __future__ import annotations

import copy
import os
import pickle
import signal
from collections.abc import Callable, Iterator

import pytest

from gateway.discovery_api import exceptions
from gateway.discovery_api.api import dbtAccount

MODELS = 52


@pytest.fixture
def account(demo_store: str) -> Iterator[dbtAccount]:
    with dbtAccount(store_url=demo_store, timeout=30) as opened:
        yield opened


def in_child(work: Callable[[], str], seconds: int = 60) -> str:
    """What a forked process answers; it is ended when it takes longer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        try:
            answer = work()
        except BaseException as failure:
            answer = f"{type(failure).__name__}: {failure}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answers:
        answer = answers.read()
    _, status = os.waitpid(child, 0)
    return answer if status == 0 else f"ended by {status}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_is_answered_and_leaves_its_parent_alone(account: dbtAccount) -> None:
    assert len(account.get_models()) == MODELS

    def ask_and_close() -> str:
        found = len(account.get_models())
        account.close()
        return str(found)

    assert [in_child(ask_and_close), in_child(ask_and_close)] == [str(MODELS)] * 2
    account.invalidate()
    assert len(account.get_models()) == MODELS


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_an_account_that_was_closed_before_the_fork_stays_closed(account: dbtAccount) -> None:
    account.close()
    assert in_child(lambda: str(len(account.get_models()))).startswith("ClosedError")


@pytest.mark.slow
def test_what_holds_a_connection_is_not_pickled(account: dbtAccount) -> None:
    for holding in (account, account.get_models()[0], account.get_jobs()[0], account.base_query()):
        for take in (pickle.dumps, copy.deepcopy):
            with pytest.raises(exceptions.NotPicklableError, match=r"dbtAccount\(…\)"):
                take(holding)


def test_exceptions_come_out_of_a_pool_as_they_were() -> None:
    part = exceptions.MissingPart("finance", exceptions.UnreachableHostError("gone", code="X", details={"a": 1}))
    for error in (part.error, exceptions.IncompleteAnswerError([1, 2], [part])):
        back = pickle.loads(pickle.dumps(error))  # noqa: S301 - made two lines above
        assert type(back) is type(error)
        assert str(back) == str(error)
        assert (back.message, back.code, back.details) == (error.message, error.code, error.details)
    assert (back.answer, back.missing[0].project_id) == ([1, 2], "finance")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ask", "hint"),
    [
        (lambda a: a.get_models(tag="x"), "has no criterion tag. Did you mean tags?"),
        (lambda a: a.get_models(nonsense=1), "There are tags, tags_match"),
        (lambda a: a.get_models(min_runtime="slow"), "min_runtime is 'slow'"),
        (lambda a: a.get_models(min_runtime=5, max_runtime=1), "Swap them"),
        (lambda a: a.get_models(statuses="finished"), "statuses"),
        (lambda a: a.get_models({"tags": ["x"]}), r"filter is a SearchFilter or None; it is a dict"),
        (lambda a: a.get_models("daily"), "it is a str"),
        (lambda a: a.get_projects({"project_ids": []}), r"ProjectFilter\(\*\*filter\)"),
        (lambda a: a.longest_running_jobs(model_filter={"tags": []}), "model_filter is a ModelFilter"),
        (lambda a: a.slowest_models(history={"include_ci": True}), "history is a HistoryScope"),
        (lambda a: a.get_projects()[0].slowest_models(history=1), "history is a HistoryScope"),
        (lambda a: dbtAccount(filter={"project_ids": []}), "filter is a ProjectFilter"),
        (lambda a: dbtAccount(discovery_uri="x"), "discovery_uri"),
    ],
)
def test_wrong_arguments_say_what_would_do(account: dbtAccount, ask: Callable[[dbtAccount], object], hint: str) -> None:
    with pytest.raises(exceptions.DiscoveryApiError, match=hint):
        ask(account)
