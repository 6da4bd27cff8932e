"""The dry run: what an import would do."""
