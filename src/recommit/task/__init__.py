"""What depends on the kind of answer that is asked for: losses, scores, calibration, sets, words."""

from recommit.task.binary import Binary
from recommit.task.number import Number
from recommit.task.protocol import Calibration, Sets, Task

__all__ = ["Binary", "Calibration", "Number", "Sets", "Task"]
