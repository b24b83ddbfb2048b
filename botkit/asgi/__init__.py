"""The ASGI middleware, and the protocol class with which `botkit serve` answers hooks on uvicorn."""
