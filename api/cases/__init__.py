"""Cases: the exchange format of this and other installations, read and written."""
