"""The only room that speaks to dbt: documents, paging, alias batches, transport, mapping of JSON to the hierarchy."""
