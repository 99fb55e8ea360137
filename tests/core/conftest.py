"""FUZZ_EXAMPLES=100000 makes the property tests a fuzzing run; the suite takes 100 of each."""

import os

from hypothesis import settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))

settings.register_profile("core", deadline=None, max_examples=EXAMPLES)
settings.load_profile("core")
