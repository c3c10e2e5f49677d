"""What the files of a run say: dbt's artifacts and orchestrators' records, read leniently, put together by run."""
