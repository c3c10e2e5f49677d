"""Lists, pages, and what of a type is selected."""
