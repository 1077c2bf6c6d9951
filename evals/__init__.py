"""Evaluation of the optimizer and of its effect. Run from a checkout, never installed."""
