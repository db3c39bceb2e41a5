"""Counts for Prometheus: requests by command and status, and how long they took. No person, no id.

Each process counts for itself. Where PROMETHEUS_MULTIPROC_DIR is set, the processes of a server
share files there and any of them answers for all.
"""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
MEDIA_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "laurels_requests",
            "Requests answered.",
            ["command", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "laurels_request_seconds",
            "How long a request took.",
            ["command"],
            registry=self.registry,
            buckets=BUCKETS,
        )
        self._differences = Gauge(
            "laurels_reconcile_differences",
            "What the last run of the job `reconcile` in this process found: 0, the books agree.",
            ["environment", "program"],
            registry=self.registry,
            multiprocess_mode="max",
        )
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def count(self, command: str, status: int, seconds: float) -> None:
        """Note one request; status 0 is one whose caller left before the answer."""
        known = self._children.get((command, status))
        if known is None:
            known = (
                self._requests.labels(command, str(status)),
                self._seconds.labels(command),
            )
            self._children[command, status] = known
        known[0].inc()
        known[1].observe(seconds)

    def reconciled(self, environment: str, program: str, differences: int) -> None:
        """Note how many differences there were when the books were last held against each other."""
        self._differences.labels(environment, program).set(differences)

    def text(self) -> bytes:
        """All counts in Prometheus's text format."""
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            shared = CollectorRegistry()
            MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
            return generate_latest(shared)
        return generate_latest(self.registry)
