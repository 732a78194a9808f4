#!/usr/bin/env python3
"""Faults of the data plane, for tests/check: plane_faults.py holds the tests."""
import sys

import lab as labs
import plane_faults

if __name__ == "__main__":
    sys.exit(labs.main(plane_faults.TESTS, plane_faults.why_not))
