"""What the user is told: plan, progress, summary."""
