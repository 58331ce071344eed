from judge import address
from judge.annotate.serve import listen


def test_the_usual_port_is_taken_if_it_is_free_and_any_other_if_not():
    with listen(None) as first, listen(None) as second:
        ports = [one.getsockname()[1] for one in (first, second)]
        assert ports[0] != ports[1] and ports[1] != address.PORT
        assert {one.getsockname()[0] for one in (first, second)} == {"127.0.0.1"}
