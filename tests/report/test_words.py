"""Numbers as the page and the terminal write them."""

from offpath.report.words import (
    listed,
    percent,
    percent_interval,
    r_squared,
    sentence,
    setting,
    significant,
    thousands,
)


def test_shares_are_percentages_with_one_decimal():
    assert percent(0.98765) == "98.8\xa0%"
    assert percent_interval(0.95, 0.981) == "95.0–98.1"


def test_a_number_has_three_digits_and_a_real_minus():
    texts = [significant(value) for value in (0.0041234, -72.87, 0.000412, 0.0, None)]
    assert texts == ["0.00412", "−72.9", "4.12e−4", "0", "–"]


def test_what_somebody_chose_has_no_digits_without_meaning():
    assert [setting(value) for value in (1e-06, 0.001, 3e-5)] == ["1e−6", "0.001", "3e−5"]


def test_r2_has_two_decimals_or_three_digits():
    assert [r_squared(value) for value in (0.4567, -104.94, None)] == ["0.46", "−105", "–"]


def test_thousands_are_parted_by_thin_spaces():
    assert thousands(65536) == "65\u202f536"


def test_words_become_lists_and_sentences():
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([]) == ""
    assert sentence("it doesn't fit") == "It doesn’t fit."
