"""The columns of the terminal's tables and facts: the same wherever the answer comes from."""

from __future__ import annotations

from gateway.cli.questions.answer import TableColumn

_RUNTIME = TableColumn("runtime_seconds", "runtime", "s", bar=True)
_SPREAD = (
    TableColumn("p50_seconds", "p50", "s"),
    TableColumn("p95_seconds", "p95", "s"),
    TableColumn("runs", "runs"),
)
SLOWEST = (
    *(TableColumn("rank", "rank"), TableColumn("model", "model"), TableColumn("materialization", "materialization")),
    *(_RUNTIME, *_SPREAD),
)
LONGEST = (TableColumn("rank", "rank"), TableColumn("job_id", "job"), TableColumn("name", "name"), _RUNTIME, *_SPREAD)

REGRESSIONS = (
    TableColumn("since", "since (UTC)"),
    TableColumn("seconds_per_day", "a day", "s", bar=True),
    TableColumn("before_seconds", "before", "s"),
    TableColumn("after_seconds", "after", "s"),
    TableColumn("certainty", "certainty"),
    TableColumn("cause", "cause"),
    TableColumn("first_run", "first run"),
    TableColumn("job_id", "job"),
    TableColumn("model", "model"),
)

WASTED_BUILDS = (
    TableColumn("weighted_seconds", "took", "s", bar=True),
    TableColumn("builds", "builds"),
    TableColumn("certainty", "certainty"),
    TableColumn("model", "model"),
)
WASTE_FACTS = (
    TableColumn("builds_per_day", "builds a day"),
    TableColumn("seconds_per_day", "a day", "s"),
    TableColumn("cost_per_day", "cost a day"),
    TableColumn("reused", "reused"),
    TableColumn("reused_seconds", "reuse saved", "s"),
)

FAILED = (
    TableColumn("resource", "resource"),
    TableColumn("type", "type"),
    TableColumn("is_new", "new"),
    TableColumn("failing_since_run", "failing since run"),
    TableColumn("skipped", "skipped"),
    TableColumn("message", "message"),
)
FAILED_OF_JOBS = (TableColumn("job", "job"), TableColumn("run", "run"), *FAILED)
SLOWEST_OF_RUN = (TableColumn("rank", "rank"), TableColumn("model", "model"), _RUNTIME)
RUN_FACTS = (
    TableColumn("run", "run"),
    TableColumn("title", "title"),
    TableColumn("status", "status"),
    TableColumn("started_at", "started at (UTC)"),
    TableColumn("runtime_seconds", "runtime", "s"),
    TableColumn("queue_seconds", "queued", "s"),
    TableColumn("critical_path_seconds", "critical path", "s"),
    TableColumn("models", "models"),
    TableColumn("trigger", "trigger"),
    TableColumn("git_branch", "branch"),
    TableColumn("git_sha", "commit"),
    TableColumn("error", "error"),
    TableColumn("url", "page"),
)

DIFFERENCES = (
    TableColumn("contribution_seconds", "change", "s"),
    TableColumn("resource", "resource"),
    TableColumn("before_seconds", "before", "s"),
    TableColumn("after_seconds", "after", "s"),
    TableColumn("before_status", "was"),
    TableColumn("after_status", "is"),
    TableColumn("code_changed", "code changed"),
)
DIFF_FACTS = (
    TableColumn("base_run", "from run"),
    TableColumn("run", "to run"),
    TableColumn("before_seconds", "before", "s"),
    TableColumn("after_seconds", "after", "s"),
    TableColumn("difference_seconds", "difference", "s"),
)
BASELINES = ("previous", "previous_success", "typical")
WHAT_IF = (
    TableColumn("run", "run"),
    TableColumn("verdict", "verdict"),
    TableColumn("now_seconds", "now", "s"),
    TableColumn("then_seconds", "then", "s"),
    TableColumn("saved_seconds", "saved", "s"),
    TableColumn("lower_bound_seconds", "at least", "s"),
    TableColumn("noise_seconds", "noise", "s"),
)

RUNS_OF_MODEL = (
    TableColumn("run", "run"),
    TableColumn("job_id", "job"),
    TableColumn("started_at", "started at (UTC)"),
    TableColumn("status", "status"),
    _RUNTIME,
)
MODEL_FACTS = (
    TableColumn("model", "model"),
    TableColumn("unique_id", "unique id"),
    TableColumn("materialization", "materialization"),
    TableColumn("tags", "tags"),
    TableColumn("owner", "owner"),
    TableColumn("jobs", "built by"),
    TableColumn("runtime_seconds", "runtime", "s"),
    TableColumn("last_run_status", "last run"),
    TableColumn("last_run_error", "error"),
    TableColumn("freshness", "freshness"),
)
FOUND = (
    TableColumn("kind", "kind"),
    TableColumn("id", "id"),
    TableColumn("name", "name"),
    TableColumn("last_run_status", "last run"),
    TableColumn("last_run_seconds", "runtime", "s"),
)
