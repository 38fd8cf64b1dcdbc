"""Governance of training data: personal data, secrets, instructions hidden in rows, licences, consent, cards."""
