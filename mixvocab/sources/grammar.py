"""A seeded grammar that writes commands like those of SNIPS: 7 intents, 39 slot types, BIO tags.

Templates: `(a|b)` one of, `[a]` perhaps, `{slot}` a filler that carries the slot's tags. Fillers of many
slots come from the same lists, so the tag of a word depends on the words around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from mixvocab.sources import grammar_words as words
from mixvocab.sources.rows import SnipsRow

T = TypeVar("T")

TEMPLATES: dict[str, tuple[str, ...]] = {
    "AddToPlaylist": (
        "[please] (add|put) {entity_name} (to|onto|in) [my|{playlist_owner}] {playlist} [playlist]",
        "(add|put) (this|the|another) {music_item} [by {artist}] (to|onto) {playlist_owner} {playlist} (playlist|list)",
        "(add|include) {artist} (to|in) {playlist_owner} (playlist|list) (called|named) {playlist}",
        "i (want|would like|need) {entity_name} (added to|on|in) {playlist_owner} {playlist}",
        "(can you|could you) (put|place) {artist} s {music_item} (on|into) [the] {playlist} [playlist]",
        "(add|put) {entity_name} (to|on|in) {playlist}",
        "{playlist} (needs|could use) (a|one more) {music_item} (by|from) {artist}",
    ),
    "BookRestaurant": (
        "[please] (book|reserve) (a table|a spot|seats) (at|in) {restaurant_name} for {party_size_number} [people] "
        "[{timeRange}]",
        "(book|find) (a|me a) {sort} {cuisine} {restaurant_type} (in|near) {city} [{state}|{country}] [{timeRange}]",
        "{party_size_description} (want|would like) to eat {served_dish} (in|at) a {restaurant_type} in {city}",
        "(book|get a table at) {restaurant_name} [{timeRange}|for {party_size_number}]",
        "(make|get) a reservation [for {party_size_number}] at a {restaurant_type} (with|that has) {facility} "
        "{spatial_relation} {poi}",
        "(i need|give me) a table for {party_size_description} at {restaurant_name} in {city} [{state}]",
        "(book|reserve) {restaurant_name} {timeRange} [for {party_size_number}]",
        "(is there|find) a {restaurant_type} (serving|known for) {served_dish} {spatial_relation} {city} for "
        "{party_size_number} {timeRange}",
    ),
    "GetWeather": (
        "(what is|how is|show me|check) the (weather|forecast) (in|for) {city} [{state}|{country}] [{timeRange}]",
        "will (it|there) be {condition_temperature} (in|at) (|{city}|{geographic_poi}|{country}) [{timeRange}]",
        "(is|will) {condition_description} (coming|expected) (to|in) {city} [{state}] [{timeRange}]",
        "(give me|find|i need) the {timeRange} (weather|forecast) (for|in) {current_location}",
        "how {condition_temperature} (is it|will it get) {timeRange} {spatial_relation} {geographic_poi}",
        "(find|show|check|give me) {city} {timeRange} (weather|forecast)",
        "(should i expect|do they have) {condition_description} [{timeRange}] in {country}",
        "(what is|rate) the chance of {condition_description} in {current_location} {timeRange}",
    ),
    "PlayMusic": (
        "[please] (play|start) {track} (by|from) {artist} [on {service}]",
        "(play|hear|i want to hear) (the|a) {music_item} {track} [by {artist}] [on {service}]",
        "(play|put on) [some] {genre} [from {year}] [on|using] {service}",
        "(find|play) [me] {artist} s {music_item} {album} [on {service}]",
        "play the {sort} {music_item} (by|of) {artist} (|from the year {year})",
        "(use|open) {service} (to play|and play) {track} [from {year}]",
        "(play|start) my {playlist} (playlist|mix)",
        "(play|hear|start) [the song|the album] {track}",
        "(let me hear|give me) {album} by {artist}",
    ),
    "RateBook": (
        "[please] (rate|give) {object_select} {object_type} {rating_value} [out of {best_rating}] [{rating_unit}]",
        "(rate|mark) {object_name} {rating_value} (of|out of) {best_rating} [{rating_unit}]",
        "(give|assign) {object_name} {rating_value} {rating_unit} [out of {best_rating}]",
        "{object_name} (deserves|gets|should have) (a|only) {rating_value} (out of|of) {best_rating} from me",
        "i (rate|give) {object_select} {object_part_of_series_type} {rating_value} (|of {best_rating}) {rating_unit}",
        "(give|rate|mark) {object_name} {rating_value}",
        "(put|add) {rating_value} {rating_unit} (on|to) the {object_type} {object_name}",
    ),
    "SearchCreativeWork": (
        "(find|show|search for|look up) [me] (the|a) {object_type} {object_name}",
        "(where can i|how do i|i want to) (see|watch|get|find|hear) {object_name}",
        "(find|show|get|see|search for|give me) {object_name}",
        "(can you find|please find|get) [me] {object_name} [the {object_type}]",
        "(play|give me|show) the {object_type} (called|named) {object_name}",
        "(i am looking for|is there) (a|an) {object_type} (titled|called) {object_name}",
        "(show|book|check out) {object_name} (the|as a) {object_type}",
    ),
    "SearchScreeningEvent": (
        "(when|where) is {movie_name} (playing|showing) [at {location_name}] [{timeRange}]",
        "(find|show|give me) the (schedule|times) (for|of) {movie_name} [at {location_name}]",
        "(what|which) {movie_type} are (playing|on) {spatial_relation} [{timeRange}]",
        "(is|will) {movie_name} (be on|play|be showing) at the {object_location_type} {spatial_relation} [{timeRange}]",
        "(when|where) (can i|to) see {movie_name} (at {location_name}|in the {object_location_type}) [{timeRange}]",
        "{movie_name} (showing|playing|times) (|{timeRange}|at {location_name})",
        "(find|look up) {movie_type} at the {spatial_relation} {object_location_type} [{timeRange}]",
        "(see|book|check) if {movie_name} (is|will be) (at|in) {location_name} {timeRange}",
        "give me the {object_location_type} (|{spatial_relation}) that has {movie_name} {timeRange}",
    ),
}


def snips_splits(
    rng: np.random.Generator, *, train: int = 13_000, valid: int = 700, test: int = 700
) -> dict[str, list[SnipsRow]]:
    """Splits of distinct rows; the same generator state gives the same rows."""
    names = sorted(TEMPLATES)
    seen: set[tuple[str, ...]] = set()
    rows: list[SnipsRow] = []
    while len(rows) < train + valid + test:
        row = snips_row(rng, names[int(rng.integers(len(names)))])
        if row.words not in seen:
            seen.add(row.words)
            rows.append(row)
    return {"train": rows[:train], "valid": rows[train : train + valid], "test": rows[train + valid :]}


def snips_row(rng: np.random.Generator, intent: str) -> SnipsRow:
    """One command of an intent."""
    template = expand(pick(rng, TEMPLATES[intent]), rng)
    held: list[str] = []
    tags: list[str] = []
    for part in re.split(r"(\{\w+\})", template):
        slot = part[1:-1] if part.startswith("{") else None
        tokens = (FILLERS[slot](rng) if slot else part).split()
        held += tokens
        tags += [f"{'I' if i else 'B'}-{slot}" if slot else "O" for i in range(len(tokens))]
    return SnipsRow(tuple(held), tuple(tags), intent)


_INNERMOST = re.compile(r"\[([^\[\]()]*)\]|\(([^\[\]()]*)\)")


def expand(template: str, rng: np.random.Generator) -> str:
    """Decide every choice of a template, from the inside out; a bracket's options stand half of the time."""
    while match := _INNERMOST.search(template):
        optional, options = match.groups()
        if options is None:
            chosen = pick(rng, optional.split("|")) if rng.random() < 0.5 else ""
        else:
            chosen = pick(rng, options.split("|"))
        template = template[: match.start()] + chosen + template[match.end() :]
    return template


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


_TITLES = (
    "the A N", "N of the N", "the N and the N", "A N", "the A N of P", "F s N", "V D times", "P N", "D A N", "the N",
    "no N for F", "when F and F V", "A", "Y", "the D N", "F in P", "to V a N", "Y A N", "V the N", "V me in P",
    # Titles that read like another intent's command: only the word order tells which one is meant.
    "V the N", "V a N for D", "the weather in P", "rate F D out of ten", "play N by F", "find the N", "add N to N",
    "book a table for F", "see N in P", "give F D stars", "the N playlist",
)  # fmt: skip
_LETTERS = {
    "A": words.ADJECTIVES,
    "N": words.NOUNS,
    "V": words.VERBS,
    "P": words.PLACES,
    "F": words.FIRST,
    "D": words.SMALL,
    "Y": words.YEARS,
}


def _title(rng: np.random.Generator) -> str:
    """A made-up title: of an album, a track, a film, a book, a playlist or a restaurant alike."""
    return " ".join(pick(rng, _LETTERS[t]) if t in _LETTERS else t for t in pick(rng, _TITLES).split())


def _artist(rng: np.random.Generator) -> str:
    """A person, or a band whose name could be a title."""
    if rng.random() < 0.7:
        return f"{pick(rng, words.FIRST)} {pick(rng, words.PLACES)}"
    return f"the {pick(rng, words.ADJECTIVES)} {pick(rng, words.NOUNS).removesuffix('s')}s"


def _from(options: Sequence[str]) -> Callable[[np.random.Generator], str]:
    return lambda rng: pick(rng, options)


def _one_of(listed: str) -> Callable[[np.random.Generator], str]:
    return _from(listed.split("|"))


FILLERS: dict[str, Callable[[np.random.Generator], str]] = {
    "album": _title,
    "artist": _artist,
    "best_rating": _one_of("5|6|10|five|six|ten"),
    "city": _from(words.PLACES),
    "condition_description": _from(words.CONDITIONS),
    "condition_temperature": _from(words.TEMPERATURES),
    "country": _from(words.COUNTRIES),
    "cuisine": _from(words.CUISINES),
    "current_location": _one_of("here|my current location|this place|my city|my house|where i am"),
    "entity_name": lambda rng: _title(rng) if rng.random() < 0.6 else _artist(rng),
    "facility": _from(words.FACILITIES),
    "genre": _from(words.GENRES),
    "geographic_poi": _from(words.POIS),
    "location_name": lambda rng: f"{pick(rng, words.PLACES)} {pick(rng, ('theatre', 'cinemas', 'pictures', 'city'))}",
    "movie_name": _title,
    "movie_type": _one_of("movies|films|animated movies|short films|old films"),
    "music_item": _one_of("song|album|track|tune|artist|record"),
    "object_location_type": _one_of("theatre|cinema|movie house|movie theatre|cinemas"),
    "object_name": _title,
    "object_part_of_series_type": _one_of("chapter|series|saga|volume"),
    "object_select": _one_of("this|that|the last|the current|the next|my first"),
    "object_type": _one_of("book|song|movie|album|game|novel|show|painting|textbook|essay|series|picture"),
    "party_size_description": _from(words.PARTY),
    "party_size_number": _from(words.SMALL),
    "playlist": lambda rng: _title(rng) if rng.random() < 0.7 else pick(rng, words.GENRES),
    "playlist_owner": lambda rng: "my" if rng.random() < 0.5 else f"{pick(rng, words.FIRST)} s",
    "poi": _from(words.POIS),
    "rating_unit": _one_of("stars|points|star|point"),
    "rating_value": _from(words.SMALL),
    "restaurant_name": lambda rng: _title(rng) if rng.random() < 0.7 else _artist(rng),
    "restaurant_type": _one_of("restaurant|bar|diner|pub|steakhouse|cafe|food court|bistro"),
    "served_dish": _from(words.DISHES),
    "service": _from(words.SERVICES),
    "sort": _one_of("best|top|popular|newest|last|highly rated|worst|good"),
    "spatial_relation": _one_of("near|close to|nearest|not far from|around|within a mile of|next to"),
    "state": _from(words.STATES),
    "timeRange": _from(words.TIMES),
    "track": _title,
    "year": _from(words.YEARS),
}
