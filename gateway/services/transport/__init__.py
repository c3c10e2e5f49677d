"""Bytes to dbt and back: the guarded HTTP client, gql's transport over it, strict reading, and what refusals mean."""
