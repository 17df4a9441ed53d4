"""Turns the wire models into JSON Schema and AsyncAPI documents; holds the checked-in ones, `*.json`."""

from consumer.schemas.generate import documents, read_document, write_documents

__all__ = ["documents", "read_document", "write_documents"]
