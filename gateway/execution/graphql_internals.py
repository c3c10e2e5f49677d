"""What the executors take of graphql-core beyond what `graphql` itself exports.

A version that moves or changes one of these is met here and in `tests/test_seams.py`, which pins their parameters.
"""

from __future__ import annotations

from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.incremental.incremental_executor import IncrementalExecutor
from graphql.language.visitor import EnterLeaveVisitor
from graphql.pyutils import suggestion_list
from graphql.utilities import validate_input_value

__all__ = [
    "CollectedFields",
    "EnterLeaveVisitor",
    "FieldDetailsList",
    "FragmentDetails",
    "GroupedFieldSet",
    "IncrementalExecutor",
    "collect_fields",
    "collect_subfields",
    "suggestion_list",
    "validate_input_value",
]
