"""Forms of credentials and of personal data: what they look like, and what only looks like them."""
