"""How a notebook shows objects and records: tables as HTML, timelines and series as SVG. Nothing is asked here."""
