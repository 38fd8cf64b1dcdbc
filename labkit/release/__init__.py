"""Release: the gate that decides, the matrix that shows what was tested, and the report a person signs."""
