"""Other people's lists and cases, previewed and applied."""
