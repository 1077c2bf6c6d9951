"""Pairs without a teacher: rewrites that make a language model prefer the answer that people preferred."""
