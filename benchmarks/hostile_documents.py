"""What hostile documents cost: `python -m benchmarks.hostile_documents`, run from the root of a checkout.

For every class of the corpus: how many documents, the most CPU that one of them takes from its text to its refusal (or
price), and how its work grows: the exponent of lines of Python run over the length of the request, with all limits out
of the way. 1.0 is linear.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from gateway.errors import GatewayError
from gateway.http.limits.cost_model import read_cost_model
from gateway.http.limits.query_limits import UNLIMITED
from gateway.http.operation_cost import CostPolicy, Pricing
from gateway.http.request.documents import DocumentLimits, Documents
from tests.http.hostile_documents import COSTLY, GENERATORS, lying_variables
from tests.http.steps import Counter

SIZES = (20, 50, 100, 300, 1_000, 6_000)
OPEN = DocumentLimits(10**9, 10**9, 10**9, UNLIMITED)
ROOT = Path(__file__).parents[1]


def validate(pricing: Pricing, limits: DocumentLimits, text: str, size: int) -> None:
    """From the text to a refusal or a price."""
    try:
        document = Documents(limits).read(text)
        if len(document.operations) == 1:
            pricing.price(document, None, lying_variables(size))
    except GatewayError:
        pass


def seconds(pricing: Pricing, text: str, size: int) -> float:
    """CPU of the best of three."""
    times = []
    for _ in range(3):
        start = time.process_time()
        validate(pricing, DocumentLimits(), text, size)
        times.append(time.process_time() - start)
    return min(times)


def exponent(pricing: Pricing, generate: Callable[[int], str]) -> float:
    """How the work grows with the length of the text."""
    points = []
    for size in (25, 50):
        counter, text = Counter(), generate(size)
        counter.during(lambda text=text: validate(pricing, OPEN, text, 1))  # type: ignore[misc]
        points.append((math.log(counter.lines), math.log(len(text))))
    (lines, length), (more_lines, more_length) = points
    return (more_lines - lines) / (more_length - length)


def main() -> None:
    """Prints the table."""
    pricing = Pricing(CostPolicy(read_cost_model((ROOT / "schema.graphql").read_text("utf-8"))))
    print(f"{'class':38} documents  worst CPU  exponent")
    worst, count = 0.0, 0
    for name, generate in {**GENERATORS, **COSTLY}.items():
        dearest = max(seconds(pricing, generate(size), size) for size in SIZES)
        print(f"{name:38} {len(SIZES):9}  {1000 * dearest:6.1f} ms  {exponent(pricing, generate):8.2f}", flush=True)
        worst, count = max(worst, dearest), count + len(SIZES)
    print(
        f"{count} documents of {len(GENERATORS) + len(COSTLY)} classes; the dearest takes {1000 * worst:.1f} ms of CPU"
    )


if __name__ == "__main__":
    main()
