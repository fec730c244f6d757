"""Harm: does a tuned model find hate, refuse more, or prefer stereotypes where its base did not?"""
