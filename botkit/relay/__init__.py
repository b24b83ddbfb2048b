"""One asyncio loop in its own thread: it carries out effects, listens to the agents' side and keeps the timers."""
