"""What is kept of the answers of one model: lines in the prediction log, and numbers."""

from recommit.serving.log import Form, Log, Role
from recommit.serving.matrix import Scored
from recommit.serving.meters import Meters, OfModel
from recommit.serving.predictor import Predictor
from recommit.serving.refused import request_id


class Ledger:
    """Logs and counts what one model answers, as its `role` says, until its `end`."""

    def __init__(self, predictor: Predictor, role: Role, meters: Meters, log: Log | None) -> None:
        """Say which model it is."""
        self._role = role
        self._log, self._form = log, Form.of(predictor, role)
        self._meters = OfModel(meters, predictor, role)

    def append(self, scored: Scored) -> None:
        """Log rows that are about to be answered. Raises OSError where they cannot be."""
        if self._log:
            self._log.append(request_id.get(), scored, self._form)

    def count(self, scored: Scored) -> None:
        """Count rows that are answered; a shadow's are not."""
        if self._role != "shadow":
            self._meters.answered(scored)

    def end(self) -> None:
        """The model answers no more."""
        if self._log:
            self._log.close(self._form)
        self._meters.end()
