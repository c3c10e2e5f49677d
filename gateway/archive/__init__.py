"""The run store: every run that was ingested and every node in it, in SQL. Tables, migrations, contents, retention."""
