"""The live classroom: screens, boards, the quiz, who is marking what. Nothing here selects a student's name."""
