"""The store in use, under the names that programs written for MLflow call."""

from runlake.recording.verbs import get_tracking_uri, set_tracking_uri

__all__ = ["get_tracking_uri", "set_tracking_uri"]
