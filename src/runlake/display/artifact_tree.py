"""What a run keeps, as a tree of folders with the bytes in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from rich.text import Text

from runlake.display.grid import Column, lines
from runlake.display.words import count, one_line, size

__all__ = ["artifact_tree"]

INDENT = "  "


def artifact_tree(sizes: Mapping[str, int], room: int) -> Iterator[Text]:
    """A line for each folder and each file below it, in order; then how many there are."""
    if sizes:
        folders: dict[PurePosixPath, int] = {}
        for name, n_bytes in sizes.items():
            for folder in list(PurePosixPath(name).parents)[:-1]:
                folders[folder] = folders.get(folder, 0) + n_bytes
        files = {PurePosixPath(name): n_bytes for name, n_bytes in sizes.items()}
        rows = [*((path, True, n) for path, n in folders.items()), *((path, False, n) for path, n in files.items())]
        rows.sort(key=lambda row: row[0].parts)
        names = [
            Text(INDENT * (len(path.parts) - 1) + one_line(path.name) + "/" * is_folder, "bold" * is_folder) for path, is_folder, _ in rows
        ]
        texts = [Text(size(n_bytes), "dim") for _, _, n_bytes in rows]
        columns = [Column(Text(), names, is_needed=True, least=20, most=100), Column(Text(), texts, is_right=True, is_needed=True)]
        _, *body = lines(columns, room)  # without titles
        yield from body
    yield Text(f"{count(len(sizes), 'file')}, {size(sum(sizes.values()))}" if sizes else "It keeps nothing.", "dim")
