"""Charts of the figures of reports, as SVG and PNG."""
