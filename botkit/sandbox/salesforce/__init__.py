"""Salesforce Messaging for In-App and Web (MIAW), emulated: strict where the real one is, switches where nobody knows."""

from botkit.sandbox.salesforce.cloud import SalesforceCloud
from botkit.sandbox.salesforce.control import control_routes
from botkit.sandbox.salesforce.rest import routes
from botkit.sandbox.salesforce.settings import SalesforceSandboxSettings

__all__ = ["SalesforceCloud", "SalesforceSandboxSettings", "control_routes", "routes"]
