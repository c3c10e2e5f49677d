"""Artifacts on disk → archive: finds them, unpacks them safely, reads each run whole or not at all."""
