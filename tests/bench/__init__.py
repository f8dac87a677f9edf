"""What the service is measured against: `make bench`."""
