"""Schemas of settings; those of sources, objectives, backends, tasks and gates stand beside what they set."""
