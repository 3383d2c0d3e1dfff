"""Objects of the running program: functions, classes, enums and containers, and how they take over new ones."""
