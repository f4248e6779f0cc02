"""What each tier costs a span, measured with the real parts, and what a fleet of them then costs: docs/scaling.md."""
