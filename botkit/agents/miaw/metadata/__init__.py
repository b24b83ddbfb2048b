"""Salesforce metadata for the set-up of one deployment: source files that `sf project deploy start` takes.

A bot sends *routing attributes* with every hand-off. In Salesforce each of them needs a parameter of the messaging channel, a
field of the deployment's pre-chat form, an input variable of the routing flow, a field of MessagingSession, and the permission
to see it. A link without the name drops the value without an error (docs/protocols/salesforce-miaw.md, 7). These modules write
all links from one list of names, so that they agree.

    names       attribute → names of its parameter, variable and field; the names of everything else
    scripts     the attributes that a bot's scripts set, found without running them (with script_tokens and tokens)
    routing     QueueRoutingConfig, Group, Queue
    fields      CustomField, PermissionSet
    flow        Flow of the type RoutingFlow
    channel     MessagingChannel
    deployment  EmbeddedServiceConfig of the type API
    xml         how a file is written
    source      all files, with the manifest and the README

Nothing here was tried on a live organisation.
"""
