"""The commands that are questions, by name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from gateway.cli.questions.comparisons import diff, what_if
from gateway.cli.questions.models import search, show_model
from gateway.cli.questions.pull_requests import report
from gateway.cli.questions.rankings import longest, slowest
from gateway.cli.questions.regressions import regressions
from gateway.cli.questions.runs import failures, show_run
from gateway.cli.questions.waste import waste

QUESTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "slowest": slowest,
    "longest": longest,
    "regressions": regressions,
    "failures": failures,
    "run": show_run,
    "model": show_model,
    "search": search,
    "diff": diff,
    "what-if": what_if,
    "waste": waste,
    "report": report,
}
