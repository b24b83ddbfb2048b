"""The kit in a Flask application."""
