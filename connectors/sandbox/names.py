# SPDX-License-Identifier: Apache-2.0
"""A small list of names of our own: common enough to be nobody's, mixed as a British town is."""

from __future__ import annotations

GIVEN_FEMALE = (
    "Ada", "Aisha", "Alice", "Amara", "Anna", "Bethan", "Carys", "Chloe", "Daisy", "Dorothy", "Edith", "Eleri",
    "Ella", "Fatima", "Fiona", "Freya", "Grace", "Hannah", "Ines", "Isla", "Jasmine", "Joan", "Kavita", "Leila",
    "Lucy", "Mairi", "Margaret", "Maya", "Megan", "Nadia", "Nia", "Olga", "Olivia", "Patricia", "Priya", "Rosa",
    "Rose", "Ruth", "Shreya", "Sian", "Sofia", "Susan", "Tamsin", "Temi", "Una", "Vera", "Winifred", "Yasmin",
    "Zainab", "Zoe",
)  # fmt: skip

GIVEN_MALE = (
    "Adam", "Alan", "Alfie", "Amir", "Andrew", "Arun", "Bilal", "Bryn", "Callum", "Chidi", "Daniel", "Dewi",
    "Dylan", "Edward", "Emeka", "Ethan", "Farid", "Frank", "George", "Gwyn", "Harold", "Harry", "Hassan", "Ian",
    "Idris", "Ivan", "Jack", "James", "Jamal", "Kenneth", "Kwame", "Leo", "Liam", "Marek", "Mohan", "Noah",
    "Oliver", "Omar", "Owen", "Peter", "Rajan", "Rhys", "Robert", "Samuel", "Stanley", "Tariq", "Thomas",
    "Victor", "Walter", "Yusuf",
)  # fmt: skip

FAMILY = (
    "Abbott", "Adeyemi", "Ahmed", "Allen", "Appleby", "Atkins", "Bailey", "Banerjee", "Barker", "Begum", "Bevan",
    "Blackwood", "Bowen", "Brennan", "Brook", "Campbell", "Carter", "Chaudhry", "Chen", "Clarke", "Cole",
    "Cooper", "Cresswell", "Dale", "Das", "Davies", "Dixon", "Doyle", "Dunn", "Eastwood", "Eze", "Farrow",
    "Fenwick", "Finch", "Fletcher", "Garner", "Gibbs", "Gill", "Grant", "Greenhalgh", "Griffiths", "Hale",
    "Hardcastle", "Harris", "Hassan", "Hill", "Holt", "Hughes", "Hussain", "Ivey", "Jarvis", "Jenkins", "Jones",
    "Kaur", "Kelly", "Kerr", "Khan", "Kowalski", "Lamb", "Lane", "Larkin", "Lloyd", "Mahmood", "Marlowe",
    "Mason", "Mehta", "Miah", "Mistry", "Morgan", "Morris", "Murphy", "Nash", "Newell", "Noble", "Nowak",
    "O'Brien", "Oakes", "Okafor", "Osborne", "Page", "Parry", "Patel", "Pearce", "Price", "Quick", "Rahman",
    "Reid", "Rhodes", "Roberts", "Rowe", "Saunders", "Shah", "Sharma", "Shaw", "Singh", "Skelton", "Stone",
    "Swift", "Talbot", "Thorne", "Tully", "Underhill", "Vaughan", "Wade", "Walsh", "Ward", "Webb", "West",
    "Whitlock", "Williams", "Winter", "Wood", "Yates", "Young", "Zielinski",
)  # fmt: skip

WORKERS = (
    "A. Bright", "C. Dunmore", "E. Fairley", "G. Hartwell", "I. Joyce", "K. Langley", "M. Norwood", "O. Penrose",
    "Q. Rudd", "S. Tranter", "U. Vickers", "W. Yarrow",
)  # fmt: skip
"""Staff and volunteers of the three systems."""
