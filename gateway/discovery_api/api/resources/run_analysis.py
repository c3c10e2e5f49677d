"""What the results of one run show together: methods of Run."""

from __future__ import annotations

from typing import Unpack

from gateway.discovery_api.api.arguments import (
    MOST_BARS,
    MOST_RANKED,
    WhatIfChange,
    change_wanted,
    ensure_count,
    word_of,
)
from gateway.discovery_api.client import Client
from gateway.discovery_api.models import run_analysis
from gateway.hierarchy.analysis.run_analysis import Baseline, TimeDimension
from gateway.hierarchy.objects import job as facts
from gateway.queries.analysis import run_analysis as analysis
from gateway.queries.analysis import run_what_if
from gateway.queries.jobs import jobs


class RunAnalysis:
    """The methods of a run that look at all of its results."""

    _client: Client

    @property
    def _facts(self) -> facts.Run:
        raise NotImplementedError

    def get_timeline(
        self, step: int | None = None, min_seconds: float = 0.0, first_n: int = 5000, *, refresh: bool = False
    ) -> run_analysis.Timeline | None:
        """When which resource ran: the `first_n` longest of at least `min_seconds`. None where none has times."""
        ensure_count("first_n", first_n, MOST_BARS)
        run = self._facts
        return self._client.ask(
            lambda field_context: analysis.timeline_of(field_context, run, step, min_seconds, first_n),
            lambda answer: run_analysis.Timeline.of(answer) if answer else None,
            refresh=refresh,
        )

    def get_critical_path(self, step: int | None = None, *, refresh: bool = False) -> run_analysis.CriticalPath | None:
        """The longest chain of dependencies by runtime, in seconds. None without a manifest or times."""
        run = self._facts
        return self._client.ask(
            lambda field_context: analysis.critical_path_of(field_context, run, step),
            lambda answer: run_analysis.CriticalPath.of(answer) if answer else None,
            refresh=refresh,
        )

    def get_observed_chain(
        self, step: int | None = None, *, refresh: bool = False
    ) -> run_analysis.ObservedChain | None:
        """What the run's end waited for, the last link first. None where no resource has times."""
        run = self._facts
        return self._client.ask(
            lambda field_context: analysis.observed_chain_of(field_context, run, step),
            lambda answer: run_analysis.ObservedChain.of(answer) if answer else None,
            refresh=refresh,
        )

    def get_utilization(self, step: int | None = None, *, refresh: bool = False) -> run_analysis.Utilization | None:
        """How well the run used its threads. None where no resource has times."""
        run = self._facts
        return self._client.ask(
            lambda field_context: analysis.utilization_of(field_context, run, step),
            lambda answer: run_analysis.Utilization.of(answer) if answer else None,
            refresh=refresh,
        )

    def get_weighted_seconds(
        self, by: str = "node", first_n: int = 50, *, refresh: bool = False
    ) -> list[run_analysis.WeightedSeconds]:
        """Where the busy time went, greatest group first: `by` node, tag, folder, group, owner, materialization,
        package or resource_type. All groups add up to the busy wall clock."""
        ensure_count("first_n", first_n, MOST_RANKED)
        run, dimension = self._facts, word_of(TimeDimension, "by", by)
        return self._client.ask(
            lambda field_context: analysis.weighted_seconds_of(field_context, run, dimension, first_n),
            lambda answer: [run_analysis.WeightedSeconds.of(seconds) for seconds in answer],
            refresh=refresh,
        )

    def what_if(self, *, refresh: bool = False, **change: Unpack[WhatIfChange]) -> run_analysis.WhatIf | None:
        """How long the run would take if something were different: see WhatIfChange. None where no resource has
        times. Raises InvalidArgumentError for resources that the run did not execute."""
        run, run_change = self._facts, change_wanted(change)
        return self._client.ask(
            lambda field_context: run_what_if.what_if(field_context, run, run_change),
            lambda answer: run_analysis.WhatIf.of(answer) if answer else None,
            refresh=refresh,
        )

    def compare(
        self, to: str = "previous", run_id: str | int | None = None, *, refresh: bool = False
    ) -> run_analysis.RunComparison | None:
        """This run against another of its job: `previous`, `previous_success` or `typical`, or the one with this id.
        None when there is none to compare with."""
        run, base = self._facts, word_of(Baseline, "to", to)
        other = None if run_id is None else jobs.number_of(str(run_id), "run", "run_id")
        return self._client.ask(
            lambda field_context: run_what_if.compare(field_context, run, base, other),
            lambda answer: run_analysis.RunComparison.of(answer) if answer else None,
            refresh=refresh,
        )
