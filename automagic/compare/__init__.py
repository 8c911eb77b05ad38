"""Several analyses side by side: what was asked, what came out, and what it took."""
