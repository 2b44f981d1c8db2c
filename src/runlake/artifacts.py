"""What runs keep: listed, copied out, and read back."""

from runlake.client.artifacts import download_artifacts, list_artifacts, load_dict, load_table, load_text

__all__ = ["download_artifacts", "list_artifacts", "load_dict", "load_table", "load_text"]
