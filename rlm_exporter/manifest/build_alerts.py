"""Builds the settings of alerts that we send, from a document that is known to be right."""

from datetime import timedelta

from rlm_exporter.manifest.document import Part
from rlm_exporter.manifest.durations import parse_duration
from rlm_exporter.manifest.model import AlertSettings, AlertSink, HttpSink, MailSink, MailTls, PostedForm

_SETTINGS = AlertSettings()
_TIMEOUT = timedelta(seconds=5)


def build_alerts(part: Part) -> AlertSettings:
    """The sinks, by name, and the repeat interval."""
    sinks = sorted(part.at("sinks").children(), key=lambda sink: sink.name)
    return AlertSettings(
        sinks=tuple(_sink(sink) for sink in sinks),
        repeat_interval=_duration(part.at("repeatInterval"), _SETTINGS.repeat_interval),
    )


def _sink(part: Part) -> AlertSink:
    return AlertSink(name=part.name, kind=_kind(part), timeout=_duration(part.at("timeout"), _TIMEOUT))


def _kind(part: Part) -> HttpSink | MailSink:
    for form in PostedForm:
        posted = part.at(form.value)
        if posted.is_given:
            return HttpSink(
                form=form,
                url=_optional(posted.at("url")),
                url_file=_optional(posted.at("urlFile")),
                token_file=_optional(posted.at("tokenFile")),
            )
    mail = part.at("smtp")
    return MailSink(
        host=str(mail.at("host").text),
        port=int(mail.at("port").text or 25),
        tls=MailTls(mail.at("tls").text or MailTls.STARTTLS.value),
        sender=str(mail.at("from").text),
        recipients=tuple(str(each.text) for each in mail.at("to").children()),
        user=_optional(mail.at("login", "user")),
        password_file=_optional(mail.at("login", "passwordFile")),
    )


def _optional(part: Part) -> str | None:
    return None if part.text is None else str(part.text)


def _duration(part: Part, default: timedelta) -> timedelta:
    return default if part.text is None else parse_duration(part.text)
