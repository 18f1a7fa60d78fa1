"""HTTP/1.1 on the wire (RFC 9112): what a client may send, how long, and how many."""
