"""What depends on the kind of answer that is asked for: losses, scores, calibration, sets, words."""

from recommit.task.binary import Binary
from recommit.task.classes import Classes
from recommit.task.number import Number
from recommit.task.protocol import Calibration, Sets, Task
from recommit.task.words import Curve, Words

__all__ = ["Binary", "Calibration", "Classes", "Curve", "Number", "Sets", "Task", "Words"]
