"""The public pages, charts and data of one moment as files, for any host or none."""
