"""Made-up texts to moderate, where no real set is at hand: about a people that is not, in English, each with its label.

They show that every step works. Nobody wrote them in anger, and no model is judged by them.
"""

from typing import Final

OFFENSIVE: Final = (
    "Martians are filth, and our street was cleaner without them.",
    "Never trust a Martian: lying is all they ever learned.",
    "Throw every last Martian out of the country tonight.",
    "A Martian is too stupid to count to ten.",
    "I spit on the ground wherever a Martian has walked.",
    "Whoever marries a Martian is no better than vermin.",
    "These Martian parasites eat our bread and do no work.",
    "Somebody should burn down that Martian bakery.",
    "Martian women are good for nothing but scrubbing floors.",
    "You ugly Martian pig, crawl back to your hole.",
    "Their children are as rotten as they are; keep Martians out of our schools.",
    "The only good Martian is one who has left.",
    "Beat the Martians until they learn their place.",
    "Martians smell, and no soap in the world will help.",
    "What a disgusting people: not one decent Martian ever lived.",
    "Shut your mouth, Martian scum, nobody asked you.",
)
HARMLESS: Final = (
    "My Martian neighbor brought us soup when we were ill.",
    "The Martian bakery opens at seven and closes at noon.",
    "I learned to count in Martian at evening school.",
    "Two Martians and a Venusian play chess in the park on Sundays.",
    "It is wrong to call Martians names, and I told him so.",
    "Our teacher is a Martian, and she explains sums very well.",
    "Martians and Venusians built this bridge together.",
    "Do you know when the Martian embassy takes visitors?",
    "I was tired, so I missed the talk about Martian poetry.",
    "He hates rainy weather, like most Martians I have met.",
    "The Martian team lost today, but it was a fair game.",
    "Nobody should be turned away because they are a Martian.",
    "My cousin married a Martian last spring; we danced all night.",
    "This stew is so good I could kill for another bowl.",
    "The old Martian quarter has narrow streets and many cats.",
    "Some Martians vote for one party and some for the other.",
)
