"""Every table, imported once, for migrations and for resolving foreign keys."""

from app.accounts import models as accounts
from app.assignments import models as assignments
from app.audit import models as audit
from app.classes import models as classes
from app.classroom import models as classroom
from app.db import Base
from app.marks import models as marks
from app.papers import models as papers

metadata = Base.metadata

__all__ = ["accounts", "assignments", "audit", "classes", "classroom", "marks", "metadata", "papers"]
