"""The only room that speaks to dbt: documents, paging, alias batches, transport, mapping of JSON to the hierarchy.

`transport` sends bytes, `resilience` says when and how often, `base_query.py` makes many lookups one document;
`models`, `admin` and the services beside them ask, `bundle.py` joins them.
"""
