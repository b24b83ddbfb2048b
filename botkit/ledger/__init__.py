"""The ledger: inbox, outbox and conversations, committed together before an input is acknowledged."""
