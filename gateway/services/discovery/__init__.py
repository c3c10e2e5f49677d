"""How the Discovery API is asked: documents, batches, pages."""
