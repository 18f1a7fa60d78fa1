"""A catalogue through the chain: jobs of many items, worked off by many processes.

`service` is the face that the web and the command line see. A feed is read (`feeds`, `items`) into
a `store`; the `feeder` keeps some of its items on a `queue`; a `worker` delivers each one as a
request would be, and writes down what came of it.
"""
