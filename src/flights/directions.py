"""Which way the risk of a late flight must not move when one thing alone gets worse."""

from recommit.directions import Change, Direction

# What a planner would not notice: two flights in a hundred.
TOLERANCE = 0.02

DIRECTIONS = (
    Direction(
        "visibility falls to half a mile",
        (Change("visibility", "at most", 0.5),),
        must_not="fall",
        why="below minimums an airport takes fewer landings an hour, so flights wait",
        tolerance=TOLERANCE,
    ),
    Direction(
        "an inch of rain in three hours",
        (
            Change("precipitation", "at least", 0.3),
            Change("precipitation_3h", "at least", 1.0),
            Change("precipitation_6h", "at least", 1.0),
        ),
        must_not="fall",
        why="heavy rain or snow spaces landings out and closes routes",
        tolerance=TOLERANCE,
    ),
    Direction(
        "gusts of 20 mph over the wind",
        (Change("gust_over_wind", "at least", 20.0),),
        must_not="fall",
        why="gusts close runways and spread landings out",
        tolerance=TOLERANCE,
    ),
    Direction(
        "ten more flights overdue at the airport",
        (
            Change("origin_overdue_flights", "plus", 10.0),
            Change("origin_overdue_minutes", "at least", 45.0),
            Change("origin_overdue_share", "at least", 0.3),
        ),
        must_not="fall",
        why="those flights want the same runways and gates",
        tolerance=TOLERANCE,
    ),
    Direction(
        "half of the carrier's flights here overdue",
        (
            Change("carrier_origin_overdue_flights", "at least", 5.0),
            Change("carrier_origin_overdue_minutes", "at least", 45.0),
            Change("carrier_origin_overdue_share", "at least", 0.5),
        ),
        must_not="fall",
        why="a carrier that is behind has no spare aircraft or crew",
        tolerance=TOLERANCE,
    ),
    Direction(
        "half of the airport's flights left late",
        (
            Change("origin_left_late_1h", "at least", 0.5),
            Change("origin_left_late_3h", "at least", 0.5),
            Change("new_york_left_late_1h", "at least", 0.5),
            Change("new_york_left_late_3h", "at least", 0.5),
        ),
        must_not="fall",
        why="what holds the airport up now seldom ends within two hours",
        tolerance=TOLERANCE,
    ),
    Direction(
        "half of the flights to the destination came late",
        (Change("dest_late_3h", "at least", 0.5), Change("dest_left_late_3h", "at least", 0.5)),
        must_not="fall",
        why="the destination is held up as well",
        tolerance=TOLERANCE,
    ),
    Direction(
        "the flight is late every day",
        (Change("flight_late_28d", "at least", 1.0), Change("flight_arrival_delay_28d", "at least", 30.0)),
        must_not="fall",
        why="its plan is too tight, and stays so",
        tolerance=TOLERANCE,
    ),
)
