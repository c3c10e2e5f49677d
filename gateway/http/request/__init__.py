"""From bytes to a document: media type, size, strict JSON, parameters, documents, guards against foreign pages."""
