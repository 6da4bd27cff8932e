"""Measurements: each prints one line of JSON; ``uv run python -m benchmarks`` runs them all."""
