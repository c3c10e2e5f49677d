"""A small account, as facts: what its models did in its runs. The stand-in shows them in dbt Cloud's shapes; the tests
take their expectations from here, by hand or by sums of their own.

Shapes as dbt documents or clients have recorded them, invented content: ids beyond 2^53, a model built twice in one
run, a run that timed out, one that is queued, words and codes that nobody knew, models that were never built.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

ACCOUNT = 4711
FINANCE, GROWTH = 100, 200
PRODUCTION, STAGING, DEVELOPMENT, SPARE, GROWTH_PRODUCTION = 1101, 1102, 1103, 1104, 1201
DAILY, PROPOSED, WEEKLY = 5001, 5002, 5101

FIRST_RUN = 2**53 + 1
"""No number of JavaScript's: dbt's ids are BigInt."""

START = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)

SUCCESS, ERROR, CANCELLED, QUEUED, STRANGE = 10, 20, 30, 1, 35


@dataclass(frozen=True)
class Model:
    unique_id: str
    materialization: str
    tags: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.unique_id.split(".")[-1]

    @property
    def package(self) -> str:
        return self.unique_id.split(".")[1]


@dataclass(frozen=True)
class Other:
    """A test, seed, snapshot, source or exposure."""

    unique_id: str
    parents: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.unique_id.split(".")[0]

    @property
    def name(self) -> str:
        return self.unique_id.split(".")[3 if self.kind == "source" else 2]


@dataclass(frozen=True)
class Result:
    """What a node did in a run: dbt's word, and seconds; of a source how old its newest row was."""

    unique_id: str
    status: str
    seconds: float
    error: str | None = None
    again: float | None = None  # seconds of the second command of the run that built it too


@dataclass(frozen=True)
class Run:
    id: int
    job: int
    environment: int
    project: int
    code: int
    day: int
    results: tuple[Result, ...] = ()
    message: str | None = None
    others: tuple[Result, ...] = ()

    @property
    def started(self) -> datetime | None:
        return None if self.code == QUEUED else START + timedelta(days=self.day, minutes=self.job % 10)

    @property
    def finished(self) -> datetime | None:
        return None if self.started is None else self.started + timedelta(seconds=100 + self.day)


@dataclass(frozen=True)
class Job:
    id: int
    name: str
    environment: int
    project: int
    kind: str


@dataclass(frozen=True)
class Environment:
    id: int
    name: str
    project: int
    kind: str = "deployment"
    deployment: str | None = None
    dbt_project: str | None = None
    models: tuple[Model, ...] = ()
    others: tuple[Other, ...] = ()


FINANCE_MODELS = (
    Model("model.finance.stg_orders", "view", ("daily",), ("source.finance.shop.orders",)),
    Model(
        "model.finance.fct_orders", "incremental", ("daily", "core"), ("model.finance.stg_orders", "macro.finance.m")
    ),
    Model("model.finance.dim_users", "table", ("core",), ("model.finance.stg_orders",)),
    Model("model.finance.eph_dates", "ephemeral"),
)
NOT_NULL, RATES = "test.finance.not_null_fct_orders.a1b2c3", "seed.finance.rates"
KEPT_ORDERS, SHOP_ORDERS = "snapshot.finance.kept_orders", "source.finance.shop.orders"
FINANCE_OTHERS = (
    Other(NOT_NULL, ("model.finance.fct_orders", "macro.dbt.test_not_null")),
    Other(RATES),
    Other(KEPT_ORDERS, ("model.finance.stg_orders",)),
    Other(SHOP_ORDERS),
    Other("exposure.finance.orders_board", ("model.finance.fct_orders",)),
)
GROWTH_MODELS = (
    Model("model.growth.fct_leads", "table", ("daily",)),
    Model("model.growth.rpt_ltv", "view", (), ("model.growth.fct_leads",)),
)


def daily_results(day: int) -> tuple[Result, ...]:
    """Day 0 to 23. fct_orders takes 40 s plus the day, twice on the last; dim_users is reused, then deferred."""
    word = {21: "reused", 22: "deferred"}.get(day, "success")
    failed = day == 20
    return (
        Result("model.finance.stg_orders", "success", 1.5),
        Result(
            "model.finance.fct_orders",
            "error" if failed else "success",
            40.0 + day,
            "Database Error: out of space" if failed else None,
            again=2.0 if day == 23 else None,
        ),
        Result("model.finance.dim_users", word, 10.0 if word == "success" else 0.01),
    )


def other_results(day: int) -> tuple[Result, ...]:
    """The test of fct_orders fails on day 10, and is skipped on day 20, when fct_orders fails itself."""
    word = {10: "fail", 20: "skipped"}.get(day, "pass")
    return (
        Result(NOT_NULL, word, 0.25, "Got 3 results, configured to fail if != 0" if word == "fail" else None),
        Result(RATES, "success", 0.5),
        Result(KEPT_ORDERS, "success", 2.0),
        Result(SHOP_ORDERS, "Warn" if day == 23 else "Pass", 3600.0 * (day + 1)),
    )


def _runs() -> list[Run]:
    code = {10: ERROR, 20: ERROR}
    daily = [
        Run(
            FIRST_RUN + day,
            *(DAILY, PRODUCTION, FINANCE, code.get(day, SUCCESS), day, daily_results(day)),
            others=other_results(day),
        )
        for day in range(24)
    ]
    timed_out = Run(
        FIRST_RUN + 24, DAILY, PRODUCTION, FINANCE, CANCELLED, 24, (), "This run exceeded your account's run duration"
    )
    strange = Run(FIRST_RUN + 25, DAILY, PRODUCTION, FINANCE, STRANGE, 25)
    queued = Run(FIRST_RUN + 26, DAILY, PRODUCTION, FINANCE, QUEUED, 26)
    leads = (Result("model.growth.fct_leads", "success", 5.0), Result("model.growth.rpt_ltv", "no-op", 0.0))
    weekly = [Run(FIRST_RUN + 100 + n, WEEKLY, GROWTH_PRODUCTION, GROWTH, SUCCESS, n * 7, leads) for n in range(3)]
    proposed = Run(FIRST_RUN + 200, PROPOSED, STAGING, FINANCE, SUCCESS, 3, daily_results(3)[:1])
    return [*daily, timed_out, strange, queued, *weekly, proposed]


@dataclass
class AccountFacts:
    """The whole account; tests change copies of it."""

    environments: list[Environment] = field(
        default_factory=lambda: [
            Environment(
                *(PRODUCTION, "Production", FINANCE, "deployment", "production", "finance"),
                *(FINANCE_MODELS, FINANCE_OTHERS),
            ),
            Environment(STAGING, "Staging", FINANCE, "deployment", "staging", "finance", FINANCE_MODELS[:1]),
            Environment(DEVELOPMENT, "Development", FINANCE, "development"),
            Environment(GROWTH_PRODUCTION, "Prod", GROWTH, "deployment", "production", "growth", GROWTH_MODELS),
        ]
    )
    jobs: list[Job] = field(
        default_factory=lambda: [
            Job(DAILY, "finance daily", PRODUCTION, FINANCE, "scheduled"),
            Job(PROPOSED, "finance ci", STAGING, FINANCE, "ci"),
            Job(WEEKLY, "growth weekly", GROWTH_PRODUCTION, GROWTH, "scheduled"),
        ]
    )
    runs: list[Run] = field(default_factory=_runs)
    projects: dict[int, str] = field(default_factory=lambda: {FINANCE: "Finance", GROWTH: "Growth"})

    def history(self, environment: int, unique_id: str) -> list[tuple[Run, Result]]:
        """The runs of a model in an environment, newest first."""
        found = [
            (run, result)
            for run in self.runs
            if run.environment == environment
            for result in run.results
            if result.unique_id == unique_id
        ]
        return sorted(found, key=lambda pair: pair[0].id, reverse=True)
