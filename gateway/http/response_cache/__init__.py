"""Questions that came before: answered with kept bytes, or run without being read again."""
