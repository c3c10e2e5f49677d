"""The columnar tier: results of past months in Parquet files, read by DuckDB."""
