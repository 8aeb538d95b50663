"""A document's values as YAML text again (pure): what was read comes out with the same meaning."""

from typing import TYPE_CHECKING

from rlm_exporter.manifest.document import Plain, Value

if TYPE_CHECKING:
    import yaml


def written_document(value: Value) -> str:
    """The text of one document; keys stay in their order, comments are not kept."""
    import yaml  # noqa: PLC0415 - it takes long to load, and most commands write no manifest

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True  # an anchor that the document had is written out

    Dumper.add_representer(Plain, _plain)
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)


def _plain(dumper: "yaml.SafeDumper", text: Plain) -> "yaml.ScalarNode":
    """Without quotes, as it stood there: so that 30 may be read as a number again."""
    import yaml  # noqa: PLC0415 - as above

    tag = dumper.resolve(yaml.ScalarNode, str(text), (True, False))  # type: ignore[no-untyped-call]  # PyYAML's stubs lack it
    return yaml.ScalarNode(tag=tag, value=str(text))
