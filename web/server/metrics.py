"""`/metrics` in Prometheus' text format, for whoever has the token.

Imported only where it was asked for. No label is what a visitor wrote: routes are templates, and
methods those that there are, so that nobody makes new series by asking.
"""

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from web.server.exchanges import Exchange, name_method
from web.serving import Service

PATH = "/metrics"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_NONE = "none"  # no route


@dataclass(frozen=True)
class PageState(Collector):
    """What is read only when somebody asks. `count_waiting`: calls in the queue."""

    service: Service
    list_under_way: Callable[[], list[Exchange]]
    count_waiting: Callable[[], int]

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield the figures as they are now."""
        answers = CounterMetricFamily(
            "classifier_answers", "Pictures answered.", labels=("model", "version", "certainty")
        )
        for (model, version, certainty), count in self.service.list_answers().items():
            answers.add_metric((model, str(version), certainty), count)
        yield answers
        yield CounterMetricFamily(
            "classifier_refused_pictures", "Pictures not decoded.", self.service.refused
        )
        under_way = GaugeMetricFamily(
            "classifier_requests_under_way", "Requests not answered yet.", labels=("route",)
        )
        routes = [exchange.route or _NONE for exchange in self.list_under_way()]
        for route in sorted(set(routes)):
            under_way.add_metric((route,), routes.count(route))
        yield under_way
        yield GaugeMetricFamily(
            "classifier_waiting_calls", "Calls in the queue.", self.count_waiting()
        )


class Metrics:
    """Counts exchanges, and reports them with what the page knows of itself when it is asked."""

    def __init__(self, page: PageState) -> None:
        """Count for one page."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(page)
        labels = ("route", "method", "status")
        self._requests = self._count("requests", "Requests answered.", *labels)
        self._received = self._count("received_bytes", "Bytes of requests' bodies.", "route")
        self._sent = self._count("sent_bytes", "Bytes of answers' bodies.", "route")
        self._seconds = Histogram(
            "classifier_request_seconds",
            "Seconds from a request to the end of its answer, streams left out.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def __call__(self, exchange: Exchange) -> None:
        """Count one at its end."""
        route = exchange.route or _NONE
        self._requests.labels(route, name_method(exchange), str(exchange.status)).inc()
        self._received.labels(route).inc(exchange.received)
        self._sent.labels(route).inc(exchange.sent)
        if not exchange.is_stream:
            self._seconds.labels(route).observe(exchange.seconds)

    def make_route(self, token: str) -> Route:
        """Return the route; whoever asks must bring the token, wherever they are."""
        expected = f"Bearer {token}".encode()

        async def report(request: Request) -> Response:
            given = request.headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, expected):
                sentence = "Only who has the token of CLASSIFIER_METRICS_TOKEN may read this."
                return JSONResponse({"error": sentence}, 401, {"WWW-Authenticate": "Bearer"})
            write, kind = choose_encoder(request.headers.get("accept", ""))
            headers = {"Content-Type": kind, "Cache-Control": "no-store"}
            return Response(write(self.registry), headers=headers)

        return Route(PATH, report)

    def _count(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"classifier_{name}", meaning, labels, registry=self.registry)
