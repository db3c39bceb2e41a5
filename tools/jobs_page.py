"""Print docs/jobs.md from the table of jobs: `make docs`."""

from laurels.service.jobs import JOBS


def page() -> str:
    """The page, as it must stand in docs/jobs.md."""
    lines = [
        "# Jobs",
        "",
        "What is done at set times. No balance, decision or answer waits for a job: whoever reads",
        "a member or takes an event brings that member to the instant. Jobs run in every `laurels",
        "serve` (setting `LAURELS_JOBS`); in several, each run is done by one of them. A job",
        "carries the date that it stands for, can run twice, and can run for a date in the past:",
        "",
        "    laurels jobs run advance --date 2026-03-01",
        "",
        "A run that fails is tried again, later and later, six times; a run whose process died is",
        "begun again within minutes. The log has a line for each run. This page is printed from",
        "`src/laurels/service/jobs.py`; change it there, then `make docs`.",
        "",
        "| Job | When (cron, UTC) | What it does | When a run is missed |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{each.name}` | `{each.cadence}` | {each.what} | {each.missed} |" for each in JOBS
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
