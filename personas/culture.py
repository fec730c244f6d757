"""A culture: people, language and country, three different things kept apart."""

from pydantic import Field

from culturepark.runtime.record import Record

CULTURE_ID = r"^[a-z][a-z0-9_]*$"


class Culture(Record):
    """Whom a persona speaks as, and which country's survey answers ground its views."""

    id: str = Field(pattern=CULTURE_ID)
    people: str
    """Adjective for the people, e.g. `Arabic-speaking` or `Turkish`."""
    language: str = Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")
    """BCP 47, e.g. `pt-BR`."""
    country: str = Field(pattern=r"^[A-Z]{3}$")
    """ISO 3166 alpha-3 of the country whose survey answers ground the stances."""
    country_name: str
    """As written in prompts and tables, e.g. `Jordan`."""
    hofstede: str
    """Row of Hofstede's table, which may be a region, e.g. `Arab countries`."""
    text_direction: str = Field(default="ltr", pattern="^(ltr|rtl)$")
