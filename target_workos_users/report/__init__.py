"""``workos-users report``: an import as one HTML page."""

from target_workos_users.report.page import Sources, render, write_report

__all__ = ["Sources", "render", "write_report"]
