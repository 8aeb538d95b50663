"""License files through a program of the site's own: one call, one JSON document in, one out."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from rlm_exporter.errors import SyncError
from rlm_exporter.sync.calls import call
from rlm_exporter.sync.names import arriving, check_name


class CalledFolder:
    """Reads and writes by `command`, which gets `{"action": "read" | "put" | "remove", …}` on its stdin."""

    def __init__(self, command: Sequence[str], *, server: str, folder: str, limit: timedelta) -> None:
        self._command = tuple(command)
        self._server = server
        self._folder = folder
        self._limit = limit

    async def read(self) -> Mapping[str, bytes]:
        """Every file that RLM would load: it answers `{"files": {NAME: BASE64}}`."""
        answer = await self._call("read")
        try:
            files = json.loads(answer)["files"]
            return {str(name): base64.b64decode(text, validate=True) for name, text in files.items()}
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise SyncError(
                f'{self._command[0]} has to answer read with {{"files": {{NAME: BASE64, ...}}}}'
            ) from error

    async def put(self, name: str, data: bytes) -> None:
        """It gets `name`, `content` in base64, and `by_way_of`: the name to write before the exchange."""
        check_name(name)
        content = base64.b64encode(data).decode()
        await self._call("put", name=name, by_way_of=arriving(name), content=content)

    async def remove(self, name: str) -> None:
        """It gets `name`; that it fails where there is no such file is as good."""
        check_name(name)
        try:
            await self._call("remove", name=name)
        except SyncError:
            if not await self._lacks(name):
                raise

    async def _lacks(self, name: str) -> bool:
        """Whether it was seen that there is no such file."""
        try:
            return name not in await self.read()
        except SyncError:
            return False

    async def _call(self, action: str, **more: Any) -> bytes:
        document = {"action": action, "server": self._server, "folder": self._folder, **more}
        return await call(self._command, timeout=self._limit, given=json.dumps(document).encode())
