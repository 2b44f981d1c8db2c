"""The page of experiments in a real browser: made, described, tagged, renamed, deleted, taken back."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

import runlake
from browsing import Open, served


def test_an_experiment_from_its_beginning_to_the_trash_and_back(opened: Open, store: Path) -> None:
    """What is done here is in the store, and can be undone."""
    with runlake.start_run():
        runlake.log_metric("loss", 1.0)
    runlake.flush()
    client = runlake.RunlakeClient(str(store))
    with served(store, "--no-token") as link:
        page = opened(f"{link}experiments")
        page.get_by_role("button", name="New experiment").click()
        page.get_by_label("Name", exact=True).fill("churn")
        page.get_by_label("Description").fill("who leaves, and when")
        page.get_by_role("button", name="Add a tag").click()
        page.get_by_label("Name of the tag").fill("team")
        page.get_by_label("Value of team").fill("growth")
        page.get_by_role("button", name="Create").click()
        expect(page.get_by_role("link", name="churn")).to_be_visible()
        made = client.get_experiment_by_name("churn")
        assert made is not None
        assert made.tags == {"mlflow.note.content": "who leaves, and when", "team": "growth"}

        page.get_by_role("button", name="What can be done with churn").click()
        page.get_by_role("button", name="Rename, describe, tag").click()
        page.get_by_label("Name", exact=True).fill("leavers")
        page.get_by_role("button", name="Remove the tag team").click()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("link", name="leavers")).to_be_visible()
        changed = client.get_experiment(made.experiment_id)
        assert (changed.name, "team" in changed.tags) == ("leavers", False)

        page.get_by_role("button", name="What can be done with leavers").click()
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("link", name="leavers")).to_have_count(0)
        assert client.get_experiment(made.experiment_id).lifecycle_stage == "deleted"
        page.get_by_role("checkbox", name="deleted").check()
        page.get_by_role("button", name="Restore").click()
        expect(page.get_by_text("Nothing was deleted.")).to_be_visible()
        assert client.get_experiment(made.experiment_id).lifecycle_stage == "active"


def test_who_may_only_look_is_offered_nothing_else(opened: Open, store: Path) -> None:
    """No button that would be refused."""
    with runlake.start_run() as run:
        runlake.log_metric("loss", 1.0)
    runlake.flush()
    with served(store, "--no-token", "--read-only") as link:
        page = opened(f"{link}experiments")
        expect(page.get_by_role("link", name="Default")).to_be_visible()
        assert page.get_by_role("button", name="New experiment").count() == 0
        page.goto(f"{link}run/{run.info.run_id}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.get_by_role("button", name="Delete").count() == 0


def test_without_the_link_there_is_a_page_that_says_so(opened: Open, store: Path) -> None:
    """With it one is in, and the token is not in the address any more."""
    with runlake.start_run():
        runlake.log_metric("loss", 1.0)
    runlake.flush()
    with served(store) as link:
        outside = opened(link.partition("?")[0])
        expect(outside.get_by_text("runlake ui")).not_to_have_count(0)
        inside = opened(link)
        expect(inside.get_by_role("navigation", name="Pages")).to_be_visible()
        assert "t=" not in inside.url
