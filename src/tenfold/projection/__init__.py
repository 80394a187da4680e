"""What will be, and when: scenarios, calibration, forecasts."""
