"""The words of the project as frozen values. No input or output, no driver."""
