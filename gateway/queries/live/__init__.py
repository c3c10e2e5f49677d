"""Questions that are answered again whenever something has changed."""
