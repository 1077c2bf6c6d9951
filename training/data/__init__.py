"""From preference data to verified (prompt, optimized prompt) pairs."""
