"""The functional core: the decisions of BotKit, without a clock, a network or a database.

`decide(rules, conversation, event) -> Decision(conversation', effects)` in `decide.py` is the one entrance to the rules of the
hand-off. `events/` has its inputs, `effects.py` its outputs, `conversation.py` the state in between. This package imports the
standard library and msgspec (for its structs, see `record.py`), and nothing of BotKit.
"""
