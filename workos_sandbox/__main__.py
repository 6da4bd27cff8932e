"""``python -m workos_sandbox``."""

from workos_sandbox.cli import main

main(prog_name="python -m workos_sandbox")
