"""What an archive holds as Parquet or CSV files: by environment and month, for warehouses and lakes."""
