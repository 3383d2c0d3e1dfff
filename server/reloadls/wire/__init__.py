"""JSON-RPC on the wire, with the standard library only: framing, JSON text, URIs and method names.

Used by the service, the proxy and running programs.
"""
