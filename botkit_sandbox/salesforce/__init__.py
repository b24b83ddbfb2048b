"""Salesforce Messaging for In-App and Web (MIAW), emulated: strict where the real one is, switches where nobody knows."""

from botkit_sandbox.salesforce.cloud import SalesforceCloud
from botkit_sandbox.salesforce.control import control_routes
from botkit_sandbox.salesforce.rest import routes
from botkit_sandbox.salesforce.settings import SalesforceSandboxSettings

__all__ = ["SalesforceCloud", "SalesforceSandboxSettings", "control_routes", "routes"]
