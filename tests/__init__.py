"""The tests, and the programs that try the service: faults, benchmarks, tools of others."""

import sys

# Each of some hundred commands and services starts in 0.4 s of CPU time instead of 0.6 s, once the
# modules of `api` are compiled, also where PYTHONDONTWRITEBYTECODE is set.
sys.dont_write_bytecode = False
