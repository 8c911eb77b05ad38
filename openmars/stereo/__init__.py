"""superstar and selectmc."""
