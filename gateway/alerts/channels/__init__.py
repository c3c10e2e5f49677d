"""How messages are written and sent: over HTTP to a webhook, Slack, Teams and PagerDuty, and by e-mail."""
