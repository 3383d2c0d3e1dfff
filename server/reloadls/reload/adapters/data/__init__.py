"""Libraries for models, schemas and serialization."""
