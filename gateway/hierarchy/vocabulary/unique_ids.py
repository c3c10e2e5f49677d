"""What dbt's unique ids say: `model.finance.dim_customers.v2` is a model of the package `finance`."""

from __future__ import annotations


def is_unique_id(model_id: str) -> bool:
    """Whether it has the form of a model's unique id, `model.package.name`."""
    return model_id.startswith("model.") and model_id.count(".") >= 2


def local_name(unique_id: str) -> str:
    """`dim_customers.v2` of `model.finance.dim_customers.v2`."""
    return unique_id.split(".", 2)[-1]


def qualified_name(unique_id: str) -> str:
    """`finance.dim_customers.v2` of `model.finance.dim_customers.v2`."""
    return unique_id.split(".", 1)[-1]


def package_of(unique_id: str) -> str:
    """`finance` of `model.finance.dim_customers.v2`."""
    return unique_id.split(".")[1]
