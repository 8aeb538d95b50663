"""This machine's time zone, with its changes to summer time and back."""

from datetime import UTC, datetime, timedelta, tzinfo


class LocalZone(tzinfo):
    """What the C library knows: the offset of today would be wrong beyond the next change."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        """Of the time that a clock here shows."""
        return None if moment is None else _here(moment).utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:
        """Nobody asks for it."""
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        """Such as CEST."""
        return None if moment is None else _here(moment).tzname()

    def fromutc(self, moment: datetime) -> datetime:
        """What a clock here shows; in an hour that comes twice, which of the two it is."""
        here = moment.replace(tzinfo=UTC).astimezone()
        face = here.replace(tzinfo=self)
        return face if self.utcoffset(face) == here.utcoffset() else face.replace(fold=1)


def _here(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None).astimezone()
