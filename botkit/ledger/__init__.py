"""What is remembered: inbox, outbox and conversations, committed together, and only then acknowledged."""
