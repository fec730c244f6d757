"""Survey questions and how countries answered them."""

from culturepark.personas.surveys.survey import Distribution, Survey, load_survey

__all__ = ["Distribution", "Survey", "load_survey"]
