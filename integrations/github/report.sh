#!/bin/sh
# Runs `gateway report` with the inputs of action.yml, which come as REPORT_* variables: never as text of a script.
set -eu
set -- report --head "$REPORT_HEAD" --last-runs "$REPORT_LAST_RUNS"
[ -z "$REPORT_BASE" ] || set -- "$@" --base "$REPORT_BASE"
# As a variable, because arguments of a process are seen by others.
[ -z "$REPORT_STORE" ] || export GATEWAY_STORE_URL="$REPORT_STORE"
[ -z "$REPORT_JOB" ] || set -- "$@" --job "$REPORT_JOB"
[ -z "$REPORT_FAIL_OVER" ] || set -- "$@" --fail-over "$REPORT_FAIL_OVER"
[ "$REPORT_COMMENT" != true ] || set -- "$@" --post github
exec "$GATEWAY" "$@" >> "$GITHUB_STEP_SUMMARY"
