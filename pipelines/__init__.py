"""Prefect flows around the chain of DVC stages."""
