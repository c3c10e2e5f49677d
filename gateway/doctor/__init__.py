"""What a live dbt Cloud account answers, permission by permission: asked once, changing nothing."""
