"""Preference datasets: one parser each, and where their rows come from."""

from training.data.sources.registry import SOURCES, Source, load_source, source_files

__all__ = ["SOURCES", "Source", "load_source", "source_files"]
