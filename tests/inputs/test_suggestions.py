from reportgen.inputs.suggestions import few_text, nearest_text


def test_near_names_are_suggested_whatever_their_case():
    assert nearest_text("ResNet19", ["resnet18", "vgg11", "alexnet"]) == "Did you mean resnet18?"
    assert nearest_text("Apple", ["apple", "Apple"]) == "Did you mean apple?"


def test_first_few_are_listed_where_none_is_near():
    assert nearest_text("zzz", ["a1", "b2"]) == "Available: a1, b2."
    assert nearest_text("zzz", []) == "None is known."
    assert few_text("abcdefg") == "a, b, c, d, e and 2 more"
    assert few_text("abcde") == "a, b, c, d, e"
