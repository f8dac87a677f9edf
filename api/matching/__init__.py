"""Record linkage of people: finding the records that may be one person's, by names above all."""
