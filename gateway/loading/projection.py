"""From an operation's selection to the upstream fields that somebody asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from graphql import (
    ArgumentNode,
    DefinitionNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Visitor,
    visit,
)

from gateway.hierarchy.objects.project import DeploymentEnvironment
from gateway.services.models.model_details import DETAIL_FIELDS
from gateway.services.models.model_pages import OPTIONAL_FIELDS

# Fields of the schema that are made from optional fields of another name.
_NEEDS = {"owner": frozenset({"group", "meta"})}


# An operation of these fields alone, without a filter, needs of models their ids and the runtime of the last success.
_OF_RANKINGS = frozenset(
    {
        *{
            "__typename",
            "account",
            "project",
            "slowestModels",
            "rank",
            "runtime",
            "runCount",
            "model",
            "id",
            "uniqueId",
        },
        *{"runtimes", "count", "mean", "minimum", "p50", "p95", "maximum"},
    }
)
# What hangs on the list of jobs.
_OF_JOBS = frozenset({"job", "jobs", "jobCount", "longestRunningJobs", "longestRunningJobsChanged", "title"})
# What needs every model of a project, even where one model is asked for.
_OF_WHOLE_PROJECTS = frozenset(
    {
        *{"models", "modelCount", "slowestModels", "upstream", "downstream", "runtimes", "averageModelRuntime"},
        *{"lineage", "resources", "removedModels"},
    }
)
# The model of a change is read alone, as what names the change.
_OF_NAMED_MODELS = frozenset({"changePoints", "regressions", "improvements", "regressionFound"})
# `name` is read of these, whatever else is; a model's is not.
_NAMED = frozenset({"account", "project"})


@dataclass(frozen=True, slots=True)
class Projection:
    """What an operation needs of models beside what identifies, filters and ranks them.

    `runtimes_only`: not even that, but ids and runtimes. `all_models_of`: the deployment of which all models are
    needed, which can be known before anything is known of the account; None when that is not sure; `by_means`: means of
    an archive spare reading most of them. `whole_projects`: what is asked beside or below a model needs all models of
    its project. `jobs`: the list of jobs will be needed, `job_kinds`: only for what kinds of jobs runs are of.
    """

    optional_fields: frozenset[str] = frozenset()
    details: frozenset[str] = frozenset()
    runtimes_only: bool = False
    all_models_of: DeploymentEnvironment | None = None
    by_means: bool = False
    whole_projects: bool = False
    jobs: bool = False
    job_kinds: bool = False

    def reads_all_models(self, *, means: bool, states: bool) -> bool:
        """Whether all models of `all_models_of` are read, where an archive has `means` of models, or `states`, by
        which lists and all other rankings go."""
        return self.all_models_of is not None and not states and not (self.by_means and means)


def projection_of(document: DocumentNode, operation_name: str | None) -> Projection:
    """The optional fields and details named anywhere in one operation, or in the fragments beside it.

    Fields are known by name alone: one projection for the whole operation means that all its loads of an environment
    are one load. A name that another type uses too costs a field more upstream, never a wrong answer.
    """
    collector = _FieldNames()
    all_models_of: DeploymentEnvironment | None = None
    ranked_by_means = True
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode) or _is_asked(definition, operation_name):
            collector.begin(definition)
            visit(definition, collector)
        if isinstance(definition, OperationDefinitionNode) and _is_asked(definition, operation_name):
            all_models_of, whole = _fields_of_all_models(definition)
            ranked_by_means = all(map(_is_by_means, whole))
    names = collector.names.union(*(_NEEDS[name] for name in collector.names & _NEEDS.keys()))
    runtimes_only = names <= _OF_RANKINGS and not collector.filters and not collector.asks_for_a_model
    return Projection(
        OPTIONAL_FIELDS & names,
        frozenset(names & DETAIL_FIELDS.keys()),
        runtimes_only,
        all_models_of,
        by_means=ranked_by_means,
        whole_projects=collector.models_below or bool(names & _OF_WHOLE_PROJECTS),
        jobs=bool(names & _OF_JOBS),
        job_kinds=collector.last_runs,
    )


def _is_asked(definition: object, operation_name: str | None) -> bool:
    if not isinstance(definition, OperationDefinitionNode):
        return False
    return operation_name is None or (definition.name is not None and definition.name.value == operation_name)


def _fields_of_all_models(
    operation: OperationDefinitionNode,
) -> tuple[DeploymentEnvironment | None, Sequence[FieldNode]]:
    """The deployment whose models are listed or ranked without a filter, if that is said in so many words, and the
    fields that do so."""
    for account in _plain_fields(operation.selection_set, {"account"}):
        if whole := _plain_fields(account.selection_set, {"models", "slowestModels"}):
            return _deployment_of(account), whole
    return None, ()


def _is_by_means(field: FieldNode) -> bool:
    """Whether it is a ranking by means over last runs."""
    arguments = {argument.name.value for argument in field.arguments or ()}
    return field.name.value == "slowestModels" and not arguments.isdisjoint({"lastRuns", "history"})


def _plain_fields(selected: SelectionSetNode | None, names: Collection[str]) -> list[FieldNode]:
    """The fields of these names that no directive and no filter can keep from being answered whole."""
    fields = [selection for selection in selected.selections if isinstance(selection, FieldNode)] if selected else []
    return [
        field
        for field in fields
        if field.name.value in names
        and not field.directives
        and not any(argument.name.value == "filter" for argument in field.arguments or ())
    ]


def _deployment_of(account: FieldNode) -> DeploymentEnvironment | None:
    if any(argument.name.value == "id" for argument in account.arguments or ()):
        return None
    environment = next(
        (argument.value for argument in account.arguments or () if argument.name.value == "environment"), None
    )
    if environment is None:
        return DeploymentEnvironment.PRODUCTION
    named = environment.value if isinstance(environment, EnumValueNode) else None
    return next((deployment for deployment in DeploymentEnvironment if deployment.name == named), None)


class _FieldNames(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.filters = False
        self.last_runs = False
        self.asks_for_a_model = False
        self.models_below = False
        self._within: list[str] = []

    def begin(self, definition: DefinitionNode) -> None:
        """To be called before a definition is visited: the fields of most fragments stand below others."""
        is_below = isinstance(definition, FragmentDefinitionNode) and definition.type_condition.name.value != "Query"
        self._within = ["..."] if is_below else []

    def enter_field(self, node: FieldNode, *_: object) -> None:
        name = node.name.value
        if name == "model":
            self.asks_for_a_model = self.asks_for_a_model or not self._within
            alone = not self._within or not _OF_NAMED_MODELS.isdisjoint(self._within)
            self.models_below = self.models_below or not alone
        if not (name == "name" and self._within and self._within[-1] in _NAMED):
            self.names.add(name)
        self._within.append(name)

    def leave_field(self, *_: object) -> None:
        self._within.pop()

    def enter_argument(self, node: ArgumentNode, *_: object) -> None:
        self.filters = self.filters or node.name.value == "filter"
        self.last_runs = self.last_runs or node.name.value == "lastRuns"
