"""The commands that are questions, by name. Only the one that is called is imported: a person waits for it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

Question = Callable[[argparse.Namespace], int]


QUESTIONS = (
    *("slowest", "longest", "regressions", "failures", "run", "model", "search", "diff", "what-if", "waste", "report"),
)


def question_of(name: str) -> Question:
    """The question of a name that the parser knows: asked of the gateway at `--url` where that is given. Raises
    KeyError for any other name."""
    return partial(_ask, name)


def _ask(name: str, options: argparse.Namespace) -> int:
    if getattr(options, "url", None) is not None:
        # Without the library: a gateway answers, so that nothing else is to be imported.
        from gateway.cli.questions.over_http.asking import ask_gateway

        return ask_gateway(name, options)
    question = _of_models(name) or _of_runs(name)
    if question is None:
        raise KeyError(name)
    return question(options)


def _of_models(name: str) -> Question | None:
    match name:
        case "slowest" | "longest":
            from gateway.cli.questions import rankings

            return rankings.slowest if name == "slowest" else rankings.longest
        case "regressions":
            from gateway.cli.questions.regressions import regressions

            return regressions
        case "model" | "search":
            from gateway.cli.questions import models

            return models.show_model if name == "model" else models.search
        case "waste":
            from gateway.cli.questions.waste import waste

            return waste
    return None


def _of_runs(name: str) -> Question | None:
    match name:
        case "run" | "failures":
            from gateway.cli.questions import runs

            return runs.show_run if name == "run" else runs.failures
        case "diff" | "what-if":
            from gateway.cli.questions import comparisons

            return comparisons.diff if name == "diff" else comparisons.what_if
        case "report":
            from gateway.cli.questions.pull_requests import report

            return report
    return None
