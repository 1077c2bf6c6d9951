"""Engines: they turn rendered prompts into candidate rewrites, and know nothing else."""
