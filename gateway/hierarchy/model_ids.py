"""How model ids are made of dbt's unique ids: `project.model`, or `project.package.model` where that is not enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping


def model_ids(project_id: str, unique_ids: Iterable[str]) -> Mapping[str, str]:
    """The id of each model of one project, by unique id."""
    local = {unique_id: local_name(unique_id) for unique_id in unique_ids}
    homonyms = {name for name, count in Counter(local.values()).items() if count > 1}
    return {
        unique_id: f"{project_id}.{qualified_name(unique_id) if name in homonyms else name}"
        for unique_id, name in local.items()
    }


def local_name(unique_id: str) -> str:
    """`dim_customers.v2` of `model.finance.dim_customers.v2`."""
    return unique_id.split(".", 2)[-1]


def qualified_name(unique_id: str) -> str:
    """`finance.dim_customers.v2` of `model.finance.dim_customers.v2`."""
    return unique_id.split(".", 1)[-1]


def package_of(unique_id: str) -> str:
    """`finance` of `model.finance.dim_customers.v2`."""
    return unique_id.split(".")[1]
