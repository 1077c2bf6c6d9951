"""Training of the optimizer. Run from a checkout, never installed; start with `python -m training.sft`."""
