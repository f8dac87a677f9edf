"""Record linkage of people: find the records that may be of one person."""
