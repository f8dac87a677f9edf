"""Citable answers: counts, comparisons, sentences, feeds."""
