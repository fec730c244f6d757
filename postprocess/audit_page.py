"""The audit as one page that needs nothing else: no script, no font, no network."""

from importlib.resources import files

import jinja2

from culturepark.postprocess.audit import Audit
from culturepark.postprocess.stance_mix import ARROWS


def audit_page(audit: Audit) -> str:
    """Render an audit; every text is escaped, right-to-left ones run their own way."""
    template = (files(__package__) / "templates" / "audit.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(template).render(audit=audit, arrows=[f"{one} -> {other}" for one, other in ARROWS])
