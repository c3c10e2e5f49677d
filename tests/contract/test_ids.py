"""Ids of projects, models and accounts: each names one thing, and is read back as what it was made of."""

from __future__ import annotations

from random import Random
from typing import Any
from urllib.parse import unquote

import pytest

from gateway.errors import BadUserInput
from gateway.hierarchy.filters.model_filters import Inclusion, ModelFilter, ProjectFilter, TagsMatch
from gateway.hierarchy.ids.model_ids import model_ids
from gateway.hierarchy.ids.project_ids import (
    AccountView,
    account_view,
    plain_name,
    project_name,
    project_part,
    through_environment,
)
from gateway.hierarchy.objects.project import DeploymentEnvironment
from gateway.hierarchy.vocabulary.status import RunStatus

pytestmark = pytest.mark.external

GENERATED = pytest.mark.parametrize("generated", [10_000, pytest.param(100_000, marks=pytest.mark.nightly)])
SIGNS = "ab_1.@~%/?&=,+ é\"'-"


def text(random: Random, least: int = 1) -> str:
    return "".join(random.choices(SIGNS, k=random.randint(least, 4)))


@GENERATED
def test_generated_ids_of_projects_and_models_are_read_back_and_never_meet(generated: int) -> None:
    random = Random(7)  # noqa: S311  # the same ids for ever, no secret
    made: dict[str, tuple[str, str | None, str]] = {}
    while len(made) < generated:
        name, environment = text(random), text(random) if random.random() < 0.7 else None
        plain = project_name(name)
        project_id = plain if environment is None else through_environment(plain, environment)
        model = f"{text(random).replace('.', '')}m.v{random.randint(1, 3)}"
        (model_id,) = model_ids(project_id, [f"model.pack.{model}"]).values()
        meant = (name, environment, model)
        assert made.setdefault(model_id, meant) == meant
        assert project_part(model_id) == project_id
        assert name_and_environment(project_id) == (name, environment)
        assert plain_name(project_id) == plain
        assert model_id.removeprefix(f"{project_id}.") == model


def name_and_environment(project_id: str) -> tuple[str, str | None]:
    """The name and the environment that an id was made of; None where it names no environment."""
    name, at, environment = project_id.partition("@")
    return unquote(name), unquote(environment) if at else None


def generated_filter(random: Random) -> ProjectFilter:
    def some(make: Any) -> tuple[Any, ...] | None:
        return None if random.random() < 0.5 else tuple(make() for _ in range(random.randint(0, 3)))

    def of_models() -> dict[str, Any]:
        low = random.choice([None, None, 0.0, 0.5, 1e-7])
        return {
            "tags": some(lambda: text(random, 0)),
            "tags_match": random.choice(list(TagsMatch)),
            "materialization": random.choice([None, "table", "View", text(random, 0)]),
            "min_runtime": low,
            "max_runtime": random.choice([None, 1.0, 12.25, 1e300]),
        }

    models = None
    if random.random() < 0.6:
        models = ModelFilter(
            **of_models(),
            model_ids=some(lambda: text(random, 0)),
            packages=some(lambda: text(random, 0)),
            statuses=some(lambda: random.choice(list(RunStatus))),
        )
    inclusion = random.choice(list(Inclusion))
    return ProjectFilter(**of_models(), project_ids=some(lambda: text(random, 0)), inclusion=inclusion, models=models)


def meaning(criteria: ProjectFilter | ModelFilter | None) -> Any:
    """What a filter asks for: order, repetitions, case of a materialization and settings of what is absent are none."""
    if criteria is None:
        return None

    def values(given: tuple[str, ...] | None) -> frozenset[str] | None:
        return None if given is None else frozenset(given)

    said: list[Any] = [values(criteria.tags), criteria.tags is not None and criteria.tags_match]
    said += [criteria.materialization and criteria.materialization.casefold(), criteria.materialization is None]
    said += [criteria.min_runtime, criteria.max_runtime]
    if isinstance(criteria, ModelFilter):
        said += [values(criteria.model_ids), values(criteria.packages), values(criteria.statuses)]
        return None if criteria.is_empty else tuple(said)
    said += [values(criteria.project_ids), criteria.project_ids is not None and criteria.inclusion]
    return (*said, meaning(criteria.models))


@GENERATED
def test_generated_ids_of_accounts_are_read_back_and_never_meet(generated: int) -> None:
    random = Random(11)  # noqa: S311  # the same ids for ever, no secret
    made: dict[str, Any] = {}
    for _ in range(generated // 5):
        view = AccountView(704, random.choice(list(DeploymentEnvironment)), generated_filter(random))
        meant = (view.deployment, meaning(view.filter))
        assert made.setdefault(view.id, meant) == meant
        read = account_view(view.id)
        assert read is not None
        assert read.id == view.id
        assert (read.deployment, meaning(read.filter or ProjectFilter())) == meant
    assert len(made) > generated / 10
    assert len(set(made.values())) == len(made), "equal filters have equal ids"


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (AccountView(704), "704"),
        (AccountView(704, DeploymentEnvironment.STAGING), "704@staging"),
        (
            AccountView(704, filter=ProjectFilter(project_ids=("marketing", "finance", "finance"))),
            "704?projectIds=finance%2Cmarketing",
        ),
        (
            AccountView(704, DeploymentEnvironment.STAGING, ProjectFilter(project_ids=("a",), tags=("x", "b, c"))),
            "704@staging?projectIds=a&tags=b%252C%2520c%2Cx",
        ),
        (AccountView(704, filter=ProjectFilter(tags_match=TagsMatch.ALL, inclusion=Inclusion.EXCLUDE)), "704"),
        (AccountView(704, filter=ProjectFilter(models=ModelFilter(min_runtime=2.0))), "704?models.minRuntime=2"),
    ],
)
def test_an_accounts_id_says_environment_and_filter(view: AccountView, expected: str) -> None:
    assert view.id == expected


@pytest.mark.parametrize(
    "given",
    [
        *(
            "",
            "x",
            "704@",
            "704@production",
            "704@moon",
            "704?",
            "704?projectIds",
            "704?what=1",
            "704?projectIds=b%2Ca",
        ),
        *("704?tags=a&projectIds=b", "704?minRuntime=-1", "704?minRuntime=1.0", "704?projectIds=a&projectIds=a"),
        *("704?includeOrExclude=INCLUDE", "704?models.statuses=nonsense", "704?projectIds=" + "a" * 5_000),
    ],
)
def test_what_no_account_gave_is_no_id_of_one(given: str) -> None:
    assert account_view(given) is None


def test_a_filter_that_makes_the_id_too_long_is_refused() -> None:
    fits = ProjectFilter(tags=("a" * 4_080,))
    assert len(AccountView(704, filter=fits).id) < 4_097
    with pytest.raises(BadUserInput, match="more than 4096"):
        _ = AccountView(704, filter=ProjectFilter(tags=("a" * 4_090,))).id
