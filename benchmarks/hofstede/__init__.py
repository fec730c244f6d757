"""Hofstede's six dimensions, VSM-style: a legacy measure, kept to compare with published results."""
