"""Files in and out: headers, names, clocks and raw integers stop here."""
