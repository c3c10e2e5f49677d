"""The demo account: its dbt projects, and the script that makes and packs their runs."""
