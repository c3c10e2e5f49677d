"""Pictures of pages: kept small, and compared so that another machine's fonts make no difference.

A picture is compared twice: where its sections lie, and its colours in coarse blocks. Where every section lies to the
pixel as before the fonts are the same, and the colours have to be so nearly too.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageStat

from tests.browser.browser import Page

COLOURS = 64
MOST_BYTES = 60_000
BLOCK = 40
MOST_DIFFERENCE = 6.0
"""Of 255, the mean over blocks of 40 pixels, where the fonts are others: a shift by 12 pixels makes up to 4.8."""
MOST_OF_THE_SAME_FONTS = 0.3
"""A timeline that is not drawn makes 1.4, red and green exchanged 0.7."""
MOST_SHIFT = 0.3

# The sections, notices and charts of a page from top to bottom: what they are, and where they lie.
_BOXES = """[...document.querySelectorAll(
  "main h1, main .filters, main section, main .notice, main .waiting, main .chart"
)].filter((element) => element.getClientRects().length).map((element) => {
  const box = element.getBoundingClientRect();
  const label = element.getAttribute("aria-label") ?? element.tagName.toLowerCase();
  const name = element.matches(".notice") ? "notice" : label.slice(0, 60);
  return [name, Math.round(box.left), Math.round(box.width), Math.round(box.height)];
})"""


async def taken(page: Page, width: int, height: int) -> bytes:
    """What is seen of a page, as a PNG of few colours."""
    clip = {"x": 0, "y": await page.run("scrollY"), "width": width, "height": height, "scale": 1}
    shot = await page.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=False)
    with Image.open(io.BytesIO(base64.b64decode(shot["data"]))) as picture:
        small = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()


async def boxes_of(page: Page) -> list[list[Any]]:
    """Name, left edge, width and height of all that a page has, in its order."""
    boxes: list[list[Any]] = await page.run(_BOXES)
    return boxes


def layout_faults(before: list[list[Any]], now: list[list[Any]]) -> list[str]:
    """Where two layouts differ by more than fonts make: another order, another place across, another height."""
    if [box[0] for box in before] != [box[0] for box in now]:
        return [f"{[box[0] for box in now]} in place of {[box[0] for box in before]}"]
    faults = []
    for (name, left, width, height), (_, left_now, width_now, height_now) in zip(before, now, strict=True):
        is_text = name in ("h1", "Filters")
        across = 0 if is_text else max(abs(left - left_now), abs(width - width_now))
        if across > 24 or abs(height - height_now) > max(60, MOST_SHIFT * height):
            faults.append(f"{name}: {[left_now, width_now, height_now]} in place of {[left, width, height]}")
    return faults


def most_difference(before: list[list[Any]], now: list[list[Any]]) -> float:
    """How far the colours of two pictures with these layouts may lie apart."""
    return MOST_OF_THE_SAME_FONTS if before == now else MOST_DIFFERENCE


def difference(file: Path, picture: bytes) -> float:
    """How far the colours of two pictures lie apart, in coarse blocks."""
    with Image.open(file) as kept, Image.open(io.BytesIO(picture)) as drawn:
        if kept.size != drawn.size:
            return 255.0
        blocks = (max(1, kept.width // BLOCK), max(1, kept.height // BLOCK))
        coarse = [image.convert("RGB").resize(blocks, Image.Resampling.BOX) for image in (kept, drawn)]
    means = ImageStat.Stat(ImageChops.difference(*coarse)).mean
    return sum(means) / len(means)
