"""Jobs: feeds of many items, rendered by many processes.

`service` is the interface for the web and the command line. A feed is read (`feeds`, `items`) into
a `store`; the `feeder` keeps some of its items on a `queue`; a `worker` delivers each one as a
request would be, and records its outcome.
"""
