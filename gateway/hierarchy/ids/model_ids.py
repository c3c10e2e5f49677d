"""How model ids are made of dbt's unique ids: `project.model`, or `project.package.model` where that is not enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from gateway.hierarchy.ids.project_ids import plain_name
from gateway.hierarchy.vocabulary.unique_ids import is_unique_id, local_name, package_of, qualified_name

# No warehouse has longer names of tables.
_LONGEST_NAME = 300


def model_ids(project_id: str, unique_ids: Iterable[str]) -> Mapping[str, str]:
    """The id of each model of one project, by unique id."""
    local = {unique_id: local_name(unique_id) for unique_id in unique_ids}
    homonyms = {name for name, count in Counter(local.values()).items() if count > 1}
    return {
        unique_id: f"{project_id}.{qualified_name(unique_id) if name in homonyms else name}"
        for unique_id, name in local.items()
    }


def names_meant(model_id: str, project_id: str) -> tuple[str, ...]:
    """The names, without package, of which a model of this project has one if `model_id` names it; () if it names none.

    `finance.a.b` is a model `a.b` of any package, or `b` of the package `a`: an id alone does not say which.
    """
    names = [local_name(model_id)] if is_unique_id(model_id) else []
    for prefix in dict.fromkeys((f"{project_id}.", f"{plain_name(project_id)}.")):
        if model_id.startswith(prefix):
            name = model_id.removeprefix(prefix)
            names += [name, name.partition(".")[2]]
    return tuple(dict.fromkeys(name for name in names if 0 < len(name) <= _LONGEST_NAME))


def unique_ids_meant(model_id: str, project_id: str, packages: Collection[str]) -> list[str]:
    """The unique ids of which a model of this project has one if `model_id` names it, in any form: of the project's
    packages, and of the package that the id itself says."""
    names = names_meant(model_id, project_id)
    meant = {unique_id for name in names for unique_id in unique_ids_of_name(name, packages)}
    meant.update(f"model.{name}" for name in names if "." in name)
    if names and is_unique_id(model_id) and len(package_of(model_id)) <= _LONGEST_NAME:
        meant.add(model_id)
    return sorted(meant)


def unique_ids_of_name(name: str, packages: Iterable[str]) -> list[str]:
    """The unique ids that a model of this name has in each of the packages."""
    return [f"model.{package}.{name}" for package in packages]
