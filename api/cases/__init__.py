"""Cases of other installations and of this one: the exchange format, read and written."""
