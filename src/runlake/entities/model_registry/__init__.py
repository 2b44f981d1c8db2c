"""Registered models, under the name that MLflow has for the module."""

from runlake.entities.registered import ModelVersion, RegisteredModel

__all__ = ["ModelVersion", "RegisteredModel"]
