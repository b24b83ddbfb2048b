"""What Kore's XO platform sends: authentication and payloads."""
