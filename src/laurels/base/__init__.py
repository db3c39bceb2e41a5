"""The words everyone uses: units, money, instants and calendars, messages, errors."""
