"""The governed run: an adapter's handshake and hooks, with Atlas's lanes, teacher, judges and review around them."""
