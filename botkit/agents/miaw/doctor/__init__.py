"""The checks of a MIAW deployment for `botkit doctor`."""

from botkit.agents.miaw.doctor.checks import miaw_checks

__all__ = ["miaw_checks"]
