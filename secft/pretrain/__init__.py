"""Pretraining of small GPTs on security logs: obfuscation, nanoGPT's data formats, an embedded engine, a checkout."""
