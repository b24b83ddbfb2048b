"""Salesforce Messaging for In-App and Web (MIAW), emulated.

It is strict where the real service is known to be strict, and has switches where the behaviour is unknown.

Numbers in parentheses, such as (4.2), are sections of docs/protocols/salesforce-miaw.md.
"""

from botkit_sandbox.salesforce.cloud import SalesforceCloud
from botkit_sandbox.salesforce.control import control_routes
from botkit_sandbox.salesforce.keysets import read_keyset
from botkit_sandbox.salesforce.rest import routes
from botkit_sandbox.salesforce.settings import SalesforceSandboxSettings
from botkit_sandbox.salesforce.tokens import Keyset

__all__ = [
    "Keyset",
    "SalesforceCloud",
    "SalesforceSandboxSettings",
    "control_routes",
    "read_keyset",
    "routes",
]
