-- What follows may touch as many rows as a list has, and is not cut off.
SET LOCAL statement_timeout = 0
