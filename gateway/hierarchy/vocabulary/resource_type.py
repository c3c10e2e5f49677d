"""What dbt calls a resource type, as a unique id says it: `test.shop.not_null_orders_id.5f3a` is of a data test."""

from __future__ import annotations

from enum import StrEnum


class ResourceType(StrEnum):
    """What a resource of a dbt project is; the values are the first parts of unique ids."""

    MODEL = "model"
    DATA_TEST = "test"
    UNIT_TEST = "unit_test"
    SEED = "seed"
    SNAPSHOT = "snapshot"
    SOURCE = "source"
    EXPOSURE = "exposure"
    METRIC = "metric"
    SEMANTIC_MODEL = "semantic_model"
    SAVED_QUERY = "saved_query"
    FUNCTION = "function"
    ANALYSIS = "analysis"
    MACRO = "macro"
    OPERATION = "operation"
    UNKNOWN = "unknown"


_BY_PREFIX = {
    resource_type.value: resource_type for resource_type in ResourceType if resource_type is not ResourceType.UNKNOWN
}


def resource_type_of(unique_id: str) -> ResourceType:
    """The type of a resource; UNKNOWN for one that nobody knew yet."""
    return _BY_PREFIX.get(unique_id.partition(".")[0], ResourceType.UNKNOWN)
