"""Numbers, units and tolerances as people write them."""

from __future__ import annotations

import pytest

from app.scheme.numbers import (
    Quantity,
    Tolerance,
    is_known_unit,
    plain_decimal,
    read_number,
    read_quantity,
    read_tolerance,
    show_tolerance,
)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("4.2e3", 4200.0), ("4.2×10³", 4200.0), ("4.2 * 10^3", 4200.0), ("2.5×10^{-3}", 0.0025), ("1,200.5", 1200.5),
        ("3/4", 0.75), ("25%", 0.25), ("−7", -7.0), ("１２．５", 12.5), ("½", 0.5), (".5", 0.5), ("+3", 3.0),
    ],
)  # fmt: skip
def test_a_number_is_read(written: str, value: float) -> None:
    assert read_number(written) == pytest.approx(value)


@pytest.mark.parametrize(
    "written", ["", "abc", "1e999", "3/0", "1,2,3", "12 34", "x=3", "4 J", "--3", "nan", "inf", "9" * 400]
)
def test_what_is_no_finite_number_is_none(written: str) -> None:
    assert read_number(written) is None


@pytest.mark.parametrize(
    ("written", "quantity"),
    [
        ("4200 J", Quantity("4200", None, "J")),
        ("v = 20 m/s", Quantity("20", None, "m/s")),
        ("9.8±0.1 m/s²", Quantity("9.8", Tolerance(0.1), "m/s^2")),
        ("4.2×10^3 J ± 2%", Quantity("4.2e3", Tolerance(0.02, True), "J")),
        ("约42千米/时", Quantity("42", None, "千米/时")),
        ("25℃", Quantity("25", None, "°C")),
        ("4 apples", Quantity("4", None, "apples")),
        ("100元。", Quantity("100", None, "元")),
        ("42.", Quantity("42")),
    ],
)
def test_a_quantity_is_taken_apart(written: str, quantity: Quantity) -> None:
    assert read_quantity(written) == quantity


@pytest.mark.parametrize(
    "written",
    ["4ab", "3x", "2 apples are enough", "铁", "", "5 ± much", "1939年9月1日爆发", "2\n3", "4 " * 60],
)
def test_what_is_no_quantity_is_none(written: str) -> None:
    assert read_quantity(written) is None


@pytest.mark.parametrize(
    ("written", "tolerance"),
    [
        ("±0.1", Tolerance(0.1)), ("2%", Tolerance(0.02, True)), ("± 2 ％", Tolerance(0.02, True)),
        ("within 0.05", Tolerance(0.05)), ("0.5 J", Tolerance(0.5)), ("不超过0.1", Tolerance(0.1)),
        ("+/- 3", Tolerance(3.0)), ("2 percent", Tolerance(0.02, True)),
    ],
)  # fmt: skip
def test_a_tolerance_is_read(written: str, tolerance: Tolerance) -> None:
    assert read_tolerance(written) == tolerance


@pytest.mark.parametrize("written", ["", "a little", "-2", "1.2.3", "5 or so many"])
def test_an_unreadable_tolerance_is_none(written: str) -> None:
    assert read_tolerance(written) is None


@pytest.mark.parametrize("value", [0.07, 0.1, 2.0, 1e-9, 123456.789, 1 / 3])
def test_a_tolerance_is_shown_so_that_it_reads_back_exactly(value: float) -> None:
    for relative in (False, True):
        assert read_tolerance(show_tolerance(value, relative)) == Tolerance(value, relative)


def test_decimals_have_no_exponent_and_no_needless_zeros() -> None:
    assert [plain_decimal(value) for value in (4.0, 2.5, 100.0, 1e-7)] == ["4", "2.5", "100", "0.0000001"]


def test_units_of_the_si_are_known_and_letters_are_not() -> None:
    assert all(map(is_known_unit, ["J", "km/h", "kg·m/s^2", "°C", "J/(kg·℃)", "厘米", "mol/L"]))
    assert not any(map(is_known_unit, ["ab", "apples", "x", "/", ""]))
