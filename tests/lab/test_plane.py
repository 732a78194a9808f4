#!/usr/bin/env python3
"""The data plane alone, for tests/check: plane_tunnel.py holds the tests."""
import sys

import lab as labs
import plane_tunnel

if __name__ == "__main__":
    sys.exit(labs.main(plane_tunnel.TESTS, plane_tunnel.why_not))
