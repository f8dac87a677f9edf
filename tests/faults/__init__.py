"""Guarantees of the service under faults: `make faults` prints them as a table.

Real processes, real signals, a real PostgreSQL. Each fault is a function that brings it about and
gives a row of the table; how long or how much is its arguments, so that
tests/faults/test_fault_suite.py runs the same in short.
"""
