"""What the results of a SARIF run refer to: rules of the tool and its extensions, taxonomies, files, configuration.

Source: OASIS, SARIF Version 2.1.0, sections 3.14 (run), 3.19 (toolComponent), 3.50 and 3.51 (configuration), 3.52 and
3.54 (references), 3.53 (relationships).
"""

from __future__ import annotations

from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, string


def element_at(items: list[dict[str, Any]], index: object) -> dict[str, Any]:
    """Return the element at an index, or an empty one; -1 stands for none."""
    good = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(items)
    return items[index] if good and isinstance(index, int) else {}


class SarifRun:
    """A run, with its parts by the ways in which results name them.

    Attributes:
        results: the results.
        name: name of the tool.
    """

    def __init__(self, run: dict[str, Any]) -> None:
        tool = mapping(run, "tool")
        self.results, self.name = mappings(run, "results"), string(mapping(tool, "driver"), "name")
        self._driver, self._extensions = mapping(tool, "driver"), mappings(tool, "extensions")
        self._taxonomies, self._artifacts = mappings(run, "taxonomies"), mappings(run, "artifacts")
        self._places, self._invocations = mappings(run, "logicalLocations"), mappings(run, "invocations")
        self._components = [self._driver, *self._extensions]
        rules = [rule for component in self._components for rule in mappings(component, "rules")]
        # The first of one id stands.
        self._by_id = {string(rule, key): rule for rule in reversed(rules) for key in ("guid", "id")}

    def _component(self, reference: dict[str, Any]) -> dict[str, Any]:
        """Return the component that a reference names by index, guid or name; without any, the driver."""
        found = element_at(self._extensions, reference.get("index"))
        named = [string(reference, key) for key in ("guid", "name") if string(reference, key)]
        known = (one for one in self._components if {string(one, "guid"), string(one, "name")} & set(named))
        return found or next(known, {} if named else self._driver)

    def rule_of(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return the rule of a result, or an empty one."""
        reference = mapping(result, "rule")
        identifier = string(result, "ruleId") or string(reference, "id")
        rules = mappings(self._component(mapping(reference, "toolComponent")), "rules")
        pointed = element_at(rules, reference.get("index", result.get("ruleIndex")))
        # A result may name a sub-rule of a rule: CA2000/1 of CA2000 (section 3.27.5).
        names = [string(reference, "guid"), identifier, identifier.rpartition("/")[0]]
        if pointed and (not identifier or string(pointed, "id") in names):
            return pointed
        return next((self._by_id[name] for name in names if name in self._by_id and name), pointed)

    def message_template(self, rule: dict[str, Any], key: str) -> str:
        """Return the text of a message that a result names by its id."""
        shared = (mapping(mapping(component, "globalMessageStrings"), key) for component in self._components)
        found = [mapping(mapping(rule, "messageStrings"), key), *shared]
        return next((text_of(one) for one in found if text_of(one)), "")

    def level_of(self, result: dict[str, Any], rule: dict[str, Any]) -> str:
        """Return the level of a result (section 3.27.10), or an empty string where nothing states one."""
        if string(result, "level"):
            return string(result, "level")
        index = mapping(result, "provenance").get("invocationIndex", 0 if len(self._invocations) == 1 else -1)
        for override in mappings(element_at(self._invocations, index), "ruleConfigurationOverrides"):
            level = string(mapping(override, "configuration"), "level")
            if level and self.rule_of({"rule": mapping(override, "descriptor")}) is rule:
                return level
        return string(mapping(rule, "defaultConfiguration"), "level")

    def weaknesses(self, references: list[dict[str, Any]]) -> list[str]:
        """Return the CWE ids among references to entries of taxonomies."""
        found = []
        for reference in references:
            named = mapping(reference, "toolComponent")
            taxonomy = element_at(self._taxonomies, named.get("index"))
            for one in self._taxonomies if not taxonomy else ():
                same = [string(one, key) for key in ("guid", "name") if string(one, key)]
                taxonomy = one if {string(named, "guid"), string(named, "name")} & set(same) else taxonomy
            identifier = string(reference, "id") or string(
                element_at(mappings(taxonomy, "taxa"), reference.get("index")), "id"
            )
            about_cwe = "CWE" in (string(named, "name") + string(taxonomy, "name")).upper()
            found.append(f"CWE-{identifier}" if about_cwe and identifier.isdigit() else identifier)
        return found

    def file_of(self, location: dict[str, Any]) -> str:
        """Return the path of an artifact location, which may stand in the table of artifacts only."""
        artifact = element_at(self._artifacts, location.get("index"))
        return string(location, "uri") or string(mapping(artifact, "location"), "uri")

    def logical_place(self, location: dict[str, Any]) -> str:
        """Return the name of what holds a location, such as a function or a resource."""
        for one in mappings(location, "logicalLocations"):
            for place in (one, element_at(self._places, one.get("index"))):
                if string(place, "fullyQualifiedName") or string(place, "name"):
                    return string(place, "fullyQualifiedName") or string(place, "name")
        return ""


def text_of(message: dict[str, Any]) -> str:
    """Return a message's plain text, or its Markdown."""
    return string(message, "text") or string(message, "markdown")
