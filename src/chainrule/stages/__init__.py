"""The stages of the chain, one module each, in the order data flows."""
