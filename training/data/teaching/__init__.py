"""A teacher LLM turns preferences into pairs: ask once, keep every answer that was paid for, check what comes back."""
