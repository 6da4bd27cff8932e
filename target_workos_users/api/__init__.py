"""The WorkOS API on the ``workos`` SDK: calls, meaning of errors, pacing, retries."""
