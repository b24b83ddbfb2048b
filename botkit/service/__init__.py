"""One configuration at work, and the part this process has in the store."""
