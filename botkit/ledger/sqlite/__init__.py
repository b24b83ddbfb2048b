"""The ledger on SQLite. `migrations/` makes its tables:

inbox          the deduplication key of every committed input. `session` is set for events of the agents' side, which can be
               listed again while the session lives; for a user's message with an id of the client's, it is the requestId
outbox         every effect that is not yet done, in the order of the decisions
conversations  conversations with a current (`live`) or recent agent session or deferred webhook
payloads       the newest payload of such a conversation, which addresses the user
story          the steps of hand-offs, in the order in which they were committed; `ref` is the number of a reference
               (`handoff/reference.py`)
inputs         what followers have written down and the leader has not decided on (`sharing/`)
failed_inputs  those of them that cannot be read or stored, or on which the rules have failed
answers        the newest answers to followers that wait for one
meta           the version of this schema, whether the last process shut down cleanly, and who may follow the leader
"""

from botkit.ledger.sqlite.ledger import SqliteLedger
from botkit.ledger.sqlite.store import file_of

__all__ = ["SqliteLedger", "file_of"]
