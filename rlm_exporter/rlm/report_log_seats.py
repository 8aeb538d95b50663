"""How many seats of each product are out, and the most that ever were (pure)."""

_NAMES = 64
"""So many names of one seat are kept; more there are only where names come and go for days."""


class Seat:
    """One seat, or as many as one checkout took, that several handles share."""

    __slots__ = ("count", "handles", "names", "product")

    def __init__(self, product: str, count: int) -> None:
        self.product = product
        self.count = count
        self.handles = 1
        self.names: list[int] = []
        """The handles by which those who share it call it, whether these are still out or not."""


class Seats:
    """Counts seats. What several handles share is as large as the largest of them."""

    __slots__ = ("_out", "_shared", "peaks")

    def __init__(self) -> None:
        self._out: dict[str, int] = {}
        self._shared: dict[int, Seat] = {}
        """By name."""
        self.peaks: dict[str, int] = {}
        """The most that were out at once, by product."""

    def take(self, product: str, count: int) -> None:
        """That many more are out."""
        out = self._out[product] = self._out.get(product, 0) + count
        if out > self.peaks.get(product, 0):
            self.peaks[product] = out

    def give_back(self, product: str, count: int) -> None:
        """That many are back."""
        self._out[product] -= count

    def share(self, product: str, count: int, *, first: Seat | None, name: int) -> Seat:
        """A handle joins the seat of the one that it names, or else of those that name the same."""
        seat = first or self._shared.get(name)
        if seat is None or seat.product != product:
            self.take(product, count)
            seat = Seat(product, count)
        else:
            seat.handles += 1
            self._widen(seat, count)
        if self._shared.get(name) is not seat:
            self._shared[name] = seat
            seat.names.append(name)
            if len(seat.names) > _NAMES:
                self._forget(seat, seat.names.pop(0))
        return seat

    def leave(self, seat: Seat) -> None:
        """A handle lets go of a shared seat; it is free when the last one does."""
        seat.handles -= 1
        if seat.handles:
            return
        self.give_back(seat.product, seat.count)
        for name in seat.names:
            self._forget(seat, name)

    def clear(self) -> None:
        """All are back."""
        self._out.clear()
        self._shared.clear()

    def _forget(self, seat: Seat, name: int) -> None:
        if self._shared.get(name) is seat:
            del self._shared[name]

    def _widen(self, seat: Seat, count: int) -> None:
        if count > seat.count:
            self.take(seat.product, count - seat.count)
            seat.count = count
