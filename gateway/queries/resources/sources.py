"""Questions about sources: which there are, how fresh they are, what stands on them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.hierarchy.filters.list_filters import SourceFilter
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.objects.source import Source
from gateway.loading.field_context import FieldContext


async def select_sources(
    context: FieldContext, projects: Sequence[Project], source_filter: SourceFilter | None
) -> list[Source]:
    """The sources of these projects that match, ordered by project and unique id. Projects that cannot be read are
    reported."""
    matching = source_filter or SourceFilter()

    async def of_project(project: Project) -> list[Source]:
        freshness = await context.loaders.sources(project.environment_id)
        return [Source(project, checked) for checked in freshness.values() if matching.admits(checked)]

    of_projects = await context.of_each(projects, of_project)
    return sorted((source for of_one in of_projects for source in of_one), key=lambda source: source.place)


async def models_built_on(context: FieldContext, source: Source) -> list[Model]:
    """The models of its project that stand on a source, directly or through others, ordered by id."""
    lineage = await context.loaders.lineage(source.project.environment_id)
    models = (await context.loaders.models(source.project)).by_unique_id
    reached = lineage.models_built_on(source.unique_id)
    return sorted((models[unique_id] for unique_id in reached if unique_id in models), key=lambda model: model.id)
