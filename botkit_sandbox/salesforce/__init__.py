"""Salesforce Messaging for In-App and Web (MIAW), emulated: strict like the real service, with a switch for what is not known.

Section numbers in this package are those of docs/protocols/salesforce-miaw.md.
"""

from botkit_sandbox.salesforce.cloud import SalesforceCloud
from botkit_sandbox.salesforce.control import control_routes
from botkit_sandbox.salesforce.rest import routes
from botkit_sandbox.salesforce.settings import SalesforceSandboxSettings

__all__ = ["SalesforceCloud", "SalesforceSandboxSettings", "control_routes", "routes"]
