"""What is known of resources beyond models, as plain records."""

from __future__ import annotations

from gateway.discovery_api.models.reports import Report, RunStatus
from gateway.discovery_api.models.resources import Owner, Resource
from gateway.hierarchy.objects import column as column_facts
from gateway.hierarchy.resources import resource as facts
from gateway.hierarchy.vocabulary import status
from gateway.queries.resources import resources


class Column(Report):
    """A column of a table. `data_type` is the warehouse's word, `description` the one in the YAML; None where there is
    none."""

    name: str
    data_type: str | None
    description: str | None

    @classmethod
    def of(cls, column: column_facts.Column) -> Column:
        return cls(name=column.name, data_type=column.data_type, description=column.description)


class Exposure(Resource):
    """A dashboard, notebook or application; `model_ids` are the models of its project that it uses directly, by id.
    None is what the YAML does not say."""

    exposure_type: str | None
    url: str | None
    owner: Owner | None
    model_ids: list[str]

    @classmethod
    def described(cls, known: resources.DescribedExposure) -> Exposure:
        details, owner = known.details, known.details.owner
        return cls(
            **Resource.of(known.exposure).model_dump(),
            exposure_type=details.exposure_type,
            url=details.url,
            owner=Owner(name=owner.name, email=owner.email) if owner else None,
            model_ids=[model.id for model in known.models],
        )


class AttemptedResource(Resource):
    """A seed or a snapshot; `last_run_status` is None when it was never attempted."""

    last_run_status: RunStatus | None

    @classmethod
    def attempted(cls, resource: facts.OtherResource, last: status.RunStatus | None) -> AttemptedResource:
        return cls(**Resource.of(resource).model_dump(), last_run_status=RunStatus(last.value) if last else None)
