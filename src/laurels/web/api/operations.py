"""For those who run a server: is it up, can it work, what does it count."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from laurels.base.errors import Unavailable
from laurels.web.api.exchange import Environment, answer
from laurels.web.api.metrics import MEDIA_TYPE, Metrics

PATIENCE = 2.0
"""Seconds in which every database must say that it is there."""


class Operations:
    """`/health`, `/ready` and `/metrics`: without a key, and without anything worth one."""

    def __init__(self, environments: Mapping[str, Environment], metrics: Metrics) -> None:
        self._environments = environments
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/health", self.health, name="health"),
            Route("/ready", self.ready, name="ready"),
            Route("/metrics", self.metrics, name="metrics"),
        ]

    async def health(self, request: Request) -> Response:
        """The process answers. It says nothing of the database: do not restart for its sake."""
        request.scope["state"]["command"] = "health"
        return answer({"status": "up"})

    async def ready(self, request: Request) -> Response:
        """Every database answers: requests may be sent here."""
        request.scope["state"]["command"] = "ready"
        if not self._environments:
            raise Unavailable("store-unreachable", "the server has not opened its database")
        asked = [asyncio.create_task(each.service.now()) for each in self._environments.values()]
        _, late = await asyncio.wait(asked, timeout=PATIENCE)
        for each in late:  # where the database stands still, so does the end of a question to it
            each.cancel()
        if late:
            raise Unavailable("store-unreachable", "the database takes too long")
        for each in asked:
            each.result()
        return answer({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        """Counts, for Prometheus."""
        request.scope["state"]["command"] = "metrics"
        for each in self._environments.values():
            for program, differences in each.service.differences.items():
                self._metrics.reconciled(each.name, program, differences)
        return Response(self._metrics.text(), media_type=MEDIA_TYPE)
