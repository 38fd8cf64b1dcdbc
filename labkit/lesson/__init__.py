"""What the notebooks teach with: exercises that check themselves, and the doctor who looks at the machine first."""
