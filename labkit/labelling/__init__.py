"""Labelling: guidelines as data, labelling sessions, agreement, adjudication, and wrong labels found again."""
