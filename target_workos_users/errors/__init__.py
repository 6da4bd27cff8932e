"""errors.jsonl: writing it, reading it, and loading again what it lists."""
