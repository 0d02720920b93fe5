"""What is known, and checked, before a training begins."""
