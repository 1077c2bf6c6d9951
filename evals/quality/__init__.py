"""Judge-free local metrics of a rewriter: health, preference likelihood, and harm on checkable tasks."""
