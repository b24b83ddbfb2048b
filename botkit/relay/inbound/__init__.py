"""Inbound events: receivers read the agents' side and write its events into the ledger."""
