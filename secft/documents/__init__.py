"""Typed records of what one layer hands to another: results, decision. Each is one JSON file on disk."""
