"""An independent reckoning of the demo account: standard library over JSON files, nothing of the gateway."""
