"""Charts of report answers, as SVG and PNG."""
