"""A project where it can be run: its folder, fetched if it is elsewhere, and the commit that it is at."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from runlake.errors import InvalidValue
from runlake.projects.addresses import Address, read_address
from runlake.projects.git import WorkTree, checked_out, work_tree_of
from runlake.projects.inside import folder_inside

__all__ = ["Source", "fetched"]


@dataclass(frozen=True)
class Source:
    """A project's folder, and where it came from."""

    folder: Path
    address: Address
    tree: WorkTree | None
    version: str | None = None

    @property
    def name(self) -> str:
        """What it is called, where it does not say so itself."""
        place = self.address.place if self.address.is_remote else str(self.address.folder.resolve())
        return Path(self.address.below or place.rstrip("/")).name.removesuffix(".git")


def fetched(uri: str, version: str | None, stack: ExitStack) -> Source:
    """The project at this address; a clone of it goes with `stack`. Raises RunlakeError where there is none."""
    address = read_address(uri)
    if address.is_remote:
        tree = checked_out(address.place, version, stack, is_remote=True)
        return Source(_below(tree.root, address), address, tree, version)
    folder = _below(address.folder, address)
    tree_here = work_tree_of(folder)
    if version is None:
        return Source(folder, address, tree_here)
    if tree_here is None:
        raise InvalidValue(f"{folder} is in no git repository, so it has no version {version!r}. Leave --version out.")
    tree = checked_out(str(tree_here.root), version, stack, is_remote=False)
    below = folder.resolve().relative_to(tree_here.root.resolve())
    tree = WorkTree(tree.root, tree.commit, "", tree_here.remote)
    return Source(folder_inside(tree.root, str(below), "the project"), address, tree, version)


def _below(folder: Path, address: Address) -> Path:
    return folder_inside(folder, address.below, "the project") if address.below else folder
