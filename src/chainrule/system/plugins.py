"""Plug-ins by name: the name in params.yaml is the name of the module, and dvc.yaml depends on exactly that file."""

import importlib
from types import ModuleType


def load(package: str, name: str) -> ModuleType:
    """Import `chainrule.<package>.<name>`; the full check of params.yaml has refused every name that is not there."""
    return importlib.import_module(f"chainrule.{package}.{name}")
