from integration.conftest import make_clone

__all__ = ["make_clone"]
