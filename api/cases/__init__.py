"""Cases: the exchange format, which this and other installations read and write."""
