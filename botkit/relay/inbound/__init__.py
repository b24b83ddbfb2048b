"""What comes in: receivers that read the agents' side and write its events into the ledger."""
