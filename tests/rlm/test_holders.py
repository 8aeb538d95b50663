from rlm_exporter.rlm.holders import DoubleHolder, double_holders
from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.rlm.status import Checkout


def usage(
    product: str, version: str, *, user: str = "alice", host: str = "ws1", isv: str = "acme"
) -> Checkout:
    return Checkout(
        isv=isv,
        product=product,
        version=version,
        user=user,
        host=host,
        count=1,
        reserved=0,
        handle="1",
        at="11/01 09:01",
    )


def test_a_host_with_two_versions_of_a_product_is_found_with_its_users() -> None:
    lines = [usage("solver", "3.0"), usage("solver", "2.0", user="bob"), usage("paint", "7.1")]

    assert double_holders(lines) == (
        DoubleHolder(
            isv="acme", product="solver", host="ws1", versions=("2.0", "3.0"), users=("alice", "bob")
        ),
    )


def test_several_seats_of_one_version_are_no_double() -> None:
    assert double_holders([usage("solver", "3.0"), usage("solver", "3.0", user="bob")]) == ()


def test_two_hosts_two_products_and_two_isvs_are_apart() -> None:
    lines = [
        usage("solver", "3.0"),
        usage("solver", "2.0", host="ws2"),
        usage("viewer", "2.0"),
        usage("solver", "1.0", isv="other"),
    ]

    assert double_holders(lines) == ()


def test_case_of_names_does_not_matter_as_with_rlm() -> None:
    (found,) = double_holders([usage("Solver", "3.0", host="WS1"), usage("solver", "2.0")])

    assert (found.product, found.host) == ("Solver", "WS1")


def test_it_is_found_in_an_answer_of_rlmstat() -> None:
    text = (
        "\tacme license usage status on ls1 (port 49152)\n"
        "\tsolver v3.0: alice@ws1 1/0 at 11/01 09:01  (handle: 15c) \n"
        "\tsolver v2.0: alice@ws1 1/0 at 11/01 09:02  (handle: 15d) \n"
    )

    assert [each.versions for each in double_holders(parse_rlmstat(text).checkouts)] == [("2.0", "3.0")]
