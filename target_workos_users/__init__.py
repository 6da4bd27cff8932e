"""Singer target that loads users into WorkOS, in chunks, with checkpoints and resume."""
